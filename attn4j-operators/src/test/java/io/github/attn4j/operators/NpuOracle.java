package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * {@code npu_fusion_attention} as its document and the notes on its kernels word it, element by
 * element, sharing no code with the operator or the core. In float64 it is the truth; plain, it is
 * the naive same-precision computation whose error is the yardstick.
 */
@NullMarked
final class NpuOracle {
  /** A result: its numbers, and how much one rounding of every term may move each of them. */
  record Values(double[] numbers, double[] terms) {
    static Values zeros(int count) {
      return new Values(new double[count], new double[count]);
    }

    void set(int at, double number, double size) {
      numbers[at] = number;
      terms[at] = size;
    }
  }

  private final NpuCase c;
  private final NpuRule rule;
  private final boolean plain;
  private final byte @Nullable [] bits;
  final double[] query;
  final double[] key;
  final double[] value;
  final double[] dout;
  final double @Nullable [] pse;
  final double @Nullable [] sink;
  final Values out;
  final Values max;
  final Values sum;
  final Values dquery;
  final Values dkey;
  final Values dvalue;
  final Values dpse;
  final Values dsink;

  NpuOracle(NpuCase c, @Nullable Tensor dropoutMask, boolean plain) {
    this.c = c;
    this.rule = new NpuRule(c);
    this.plain = plain;
    bits = dropoutMask == null ? null : bytes(dropoutMask);
    query = Oracle.doubles(c.query);
    key = Oracle.doubles(c.key);
    value = Oracle.doubles(c.value);
    dout = Oracle.doubles(c.dout);
    pse = c.pse == null ? null : Oracle.doubles(c.pse);
    sink = c.sink == null ? null : Oracle.doubles(c.sink);
    int perRow = dout.length / c.valueDim * 8;
    out = Values.zeros(dout.length);
    max = Values.zeros(perRow);
    sum = Values.zeros(perRow);
    dquery = Values.zeros(query.length);
    dkey = Values.zeros(key.length);
    dvalue = Values.zeros(value.length);
    dpse = Values.zeros(pse == null ? 0 : pse.length);
    dsink = Values.zeros(c.heads);
    run();
  }

  private static byte[] bytes(Tensor tensor) {
    return tensor.segment().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
  }

  /** Computes everything anew, from the arrays as they are. */
  void run() {
    for (Values values : new Values[] {out, max, sum, dquery, dkey, dvalue, dpse, dsink}) {
      Arrays.fill(values.numbers(), 0);
      Arrays.fill(values.terms(), 0);
    }
    for (int b = 0; b < c.batch; b++) {
      for (int n = 0; n < c.heads; n++) {
        // Without keys everything stays zero.
        for (int i = 0; c.keys[b] > 0 && i < c.rows[b]; i++) {
          new Row(b, n, i).run();
        }
      }
    }
    round(dkey, c.dtype);
    round(dvalue, c.dtype);
    round(dpse, c.pse == null ? c.dtype : c.pse.dtype());
    round(dsink, DType.FLOAT32);
  }

  private void round(Values values, DType dtype) {
    for (int at = 0; plain && at < values.numbers().length; at++) {
      values.numbers()[at] = NpuTolerance.round(values.numbers()[at], dtype);
    }
  }

  /** What float32 makes of a number. */
  private double single(double number) {
    return plain ? (float) number : number;
  }

  /** What the dtype of the inputs makes of it. */
  private double stored(double number) {
    return plain ? NpuTolerance.round((float) number, c.dtype) : number;
  }

  private void add(Values to, int at, double number, double size) {
    to.numbers()[at] = single(to.numbers()[at] + single(number));
    to.terms()[at] += size;
  }

  private final class Row {
    final int b;
    final int n;
    final int i;
    final int kv;
    final int keys;
    final int q;
    final int o;
    final boolean[] visible;
    final double[] score;
    final double[] unit;
    final double[] p;
    double m = Double.NEGATIVE_INFINITY;
    double l;
    double most = 1;

    Row(int b, int n, int i) {
      this.b = b;
      this.n = n;
      this.i = i;
      kv = n / (c.heads / c.kvHeads);
      keys = c.keys[b];
      q = rule.at(true, b, i, n, c.heads, c.headDim);
      o = rule.at(true, b, i, n, c.heads, c.valueDim);
      visible = new boolean[keys];
      score = new double[keys];
      unit = new double[keys];
      p = new double[keys];
    }

    void run() {
      for (int j = 0; j < keys; j++) {
        visible[j] = rule.keeps(b, n, i, j);
        if (visible[j]) {
          score(j);
          m = Math.max(m, score[j]);
          most = Math.max(most, unit[j]);
        }
      }
      if (sink != null) {
        m = Math.max(m, sink[n]);
        most = Math.max(most, Math.abs(sink[n]));
      }
      if (m == Double.NEGATIVE_INFINITY) {
        lanes(max, -Float.MAX_VALUE, 0);
        lanes(sum, Float.MAX_VALUE, 0);
        return;
      }
      softmax();
      output();
      gradients();
    }

    void score(int j) {
      int k = rule.at(false, b, j, kv, c.kvHeads, c.headDim);
      double dot = 0;
      double size = 0;
      for (int d = 0; d < c.headDim; d++) {
        dot = single(dot + single(query[q + d] * key[k + d]));
        size += Math.abs(query[q + d] * key[k + d]);
      }
      double factor = single(c.scale);
      double added = pse == null ? 0 : rule.weight(b, i, j) * pseAt(j);
      if (c.pseType == 1) {
        score[j] = single(factor * single(dot + single(added)));
        unit[j] = 1 + Math.abs(factor) * (size + Math.abs(added));
      } else {
        score[j] = single(single(factor * dot) + single(added));
        unit[j] = 1 + Math.abs(factor) * size + Math.abs(added);
      }
    }

    double pseAt(int j) {
      int at = rule.pseElement(b, n, i, j);
      return at < 0 ? 0 : Objects.requireNonNull(pse)[at];
    }

    void lanes(Values values, double number, double size) {
      for (int lane = 0; lane < 8; lane++) {
        values.set(rule.lane(b, n, i) + lane, number, size);
      }
    }

    void softmax() {
      l = sink == null ? 0 : single(Math.exp(sink[n] - m));
      double size = l * 2 * most;
      for (int j = 0; j < keys; j++) {
        p[j] = visible[j] ? single(Math.exp(single(score[j] - m))) : 0;
        l = single(l + p[j]);
        size += p[j] * (unit[j] + most);
      }
      lanes(max, m, most);
      lanes(sum, l, size);
      for (int j = 0; j < keys; j++) {
        p[j] = single(p[j] / l);
        unit[j] += most;
      }
    }

    /** What dropout multiplies a probability by. */
    double kept(int j) {
      if (bits == null) {
        return 1;
      }
      long bit = rule.score(b, n, i, j);
      boolean keeps = (bits[(int) (bit / 8)] >> (bit % 8) & 1) == 1;
      return keeps ? single(1 / c.keepProb) : 0;
    }

    int v(int j) {
      return rule.at(false, b, j, kv, c.kvHeads, c.valueDim);
    }

    void output() {
      for (int d = 0; d < c.valueDim; d++) {
        double sum = 0;
        double size = 0;
        for (int j = 0; j < keys; j++) {
          if (visible[j]) {
            double term = stored(single(p[j] * kept(j))) * value[v(j) + d];
            sum = single(sum + single(term));
            size += Math.abs(term) * unit[j];
          }
        }
        out.set(o + d, stored(sum), size);
      }
    }

    void gradients() {
      double delta = 0;
      for (int d = 0; d < c.valueDim; d++) {
        delta = single(delta + single(dout[o + d] * out.numbers()[o + d]));
      }
      double[] dp = new double[keys];
      double[] sizes = new double[keys];
      double deltaSize = 0;
      for (int j = 0; j < keys; j++) {
        for (int d = 0; visible[j] && d < c.valueDim; d++) {
          double term = dout[o + d] * value[v(j) + d];
          dp[j] = single(dp[j] + single(term));
          sizes[j] += Math.abs(term) * kept(j) * unit[j];
          double part = stored(single(p[j] * kept(j))) * dout[o + d];
          add(dvalue, v(j) + d, part, Math.abs(part) * unit[j]);
        }
        dp[j] = single(dp[j] * kept(j));
        deltaSize += p[j] * sizes[j];
      }
      for (int j = 0; j < keys; j++) {
        if (visible[j]) {
          double ds = single(p[j] * single(dp[j] - delta));
          scoreGradient(
              j, ds, p[j] * (sizes[j] + deltaSize * unit[j]), p[j] * deltaSize * outputUnit());
        }
      }
      for (int d = 0; d < c.headDim; d++) {
        dquery.numbers()[q + d] = stored(dquery.numbers()[q + d]);
      }
      if (sink != null) {
        double share = single(Math.exp(sink[n] - m) / l);
        add(dsink, n, -share * delta, share * deltaSize * (2 * most + outputUnit()));
      }
    }

    /**
     * The delta is made of outputs, each rounded to its dtype by half a unit: that much in units of
     * float32. Sums over a whole row, in which all else cancels, keep it.
     */
    double outputUnit() {
      return NpuTolerance.ulp(1, c.dtype) / Math.ulp(1f) / 2;
    }

    void scoreGradient(int j, double ds, double size, double ofDelta) {
      double factor = single(c.scale);
      double dot = stored(ds);
      int k = rule.at(false, b, j, kv, c.kvHeads, c.headDim);
      for (int d = 0; d < c.headDim; d++) {
        double toQuery = factor * dot * key[k + d];
        double toKey = factor * dot * query[q + d];
        add(dquery, q + d, toQuery, Math.abs(factor * size * key[k + d]));
        add(dkey, k + d, toKey, Math.abs(factor * size * query[q + d]));
      }
      int at = pse == null ? -1 : rule.pseElement(b, n, i, j);
      if (at >= 0) {
        double weight = (c.pseType == 1 ? factor : 1) * rule.weight(b, i, j);
        add(dpse, at, weight * dot, Math.abs(weight) * (size + ofDelta));
      }
    }
  }
}
