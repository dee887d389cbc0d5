package io.github.attn4j.testkit;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.BiasStage;
import io.github.attn4j.Dropout;
import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The plain same-precision computation: naive attention with the whole score row, in float32; for
 * 16-bit inputs the probabilities and the gradients of the scores are rounded to that dtype, as a
 * framework that stores them would. Its error is the yardstick of {@link Tolerance}.
 */
final class PlainAttention {
  /**
   * Results in canonical order (entry, head, row, column), float32 or rounded to the case's dtype.
   */
  final Yardstick out;

  final Yardstick lse;
  final Yardstick rowMax;
  final Yardstick rowSum;
  final Yardstick maxLogit;
  final Yardstick dquery;
  final Yardstick dkey;
  final Yardstick dvalue;
  final @Nullable Yardstick dbias;
  final @Nullable Yardstick dsink;

  private final AttentionCase c;
  private final Sequences sequences;
  private final Mask mask;
  private final float scale;
  private final float softcap;
  private final Lines query;
  private final Lines key;
  private final Lines value;
  private final Lines dout;
  private final @Nullable BiasRule bias;
  private final @Nullable Tensor keep;
  private final float keptFactor;

  /** A tensor as canonical lines of float32. */
  private record Lines(float[] data, int heads, long rows, int columns) {
    static Lines of(AttentionCase c, Tensor tensor, int heads) {
      Tensor canonical = Views.canonical(c.layout, tensor, heads);
      return new Lines(
          canonical.toFloatArray(), heads, canonical.dim(2), Math.toIntExact(canonical.dim(3)));
    }

    int at(long entry, int head, long row) {
      return Math.toIntExact(((entry * heads + head) * rows + row) * columns);
    }
  }

  PlainAttention(Materials materials) {
    c = materials.choices();
    sequences = c.sequences();
    mask = materials.mask();
    scale = c.scale == null ? (float) (1 / Math.sqrt(c.headDim)) : c.scale.floatValue();
    softcap = (float) c.softcap;
    AttentionInputs inputs = materials.unstored().inputs();
    query = Lines.of(c, inputs.query(), c.heads);
    key = Lines.of(c, inputs.key(), c.kvHeads);
    value = Lines.of(c, inputs.value(), c.kvHeads);
    dout = Lines.of(c, materials.dout(), c.heads);
    bias = inputs.bias() == null ? null : new BiasRule(c, inputs.bias());
    Dropout dropout = inputs.dropout();
    keep = dropout == null ? null : materials.referencePlan().dropoutMask(dropout);
    keptFactor = dropout == null ? 1 : (float) (1 / (1 - dropout.p()));
    int rows = Math.toIntExact(sequences.extentQ() * sequences.entries() * c.heads);
    out = Yardstick.zeros(rows * c.valueDim);
    lse = Yardstick.filled(rows, Double.NEGATIVE_INFINITY);
    rowMax = Yardstick.filled(rows, Double.NEGATIVE_INFINITY);
    rowSum = Yardstick.zeros(rows);
    maxLogit = Yardstick.filled(c.heads, Double.NEGATIVE_INFINITY);
    dquery = Yardstick.zeros(query.data.length);
    dkey = Yardstick.zeros(key.data.length);
    dvalue = Yardstick.zeros(value.data.length);
    Tensor sink = inputs.sink();
    dbias = bias == null ? null : Yardstick.zeros(bias.size());
    dsink = sink == null ? null : Yardstick.zeros(c.heads);
    for (int b = 0; b < sequences.count(); b++) {
      for (int h = 0; h < c.heads; h++) {
        for (int i = 0; i < sequences.lengthQ(b); i++) {
          new Row(b, h, i).run(sink == null ? Float.NEGATIVE_INFINITY : (float) sink.get(h));
        }
      }
    }
    dkey.round(c.dtype);
    dvalue.round(c.dtype);
  }

  private float inputDtype(float x) {
    return (float) Tolerance.round(x, c.dtype);
  }

  /** One query row of one head. */
  private final class Row {
    final int b;
    final int h;
    final int i;
    final int kv;
    final Extent extent;
    final int keys;
    final int q;
    final int o;
    final boolean[] visible;
    final float[] slope;
    final float[] score;

    /**
     * One plus the magnitudes of a score's terms: what one unit of rounding does to its
     * exponential.
     */
    final double[] unit;

    Row(int b, int h, int i) {
      this.b = b;
      this.h = h;
      this.i = i;
      kv = h / (c.heads / c.kvHeads);
      keys = sequences.lengthK(b);
      extent = new Extent(sequences.lengthQ(b), keys, c.heads);
      long row = sequences.startQ(b) + i;
      q = query.at(sequences.entry(b), h, row);
      o = dout.at(sequences.entry(b), h, row);
      visible = new boolean[keys];
      slope = new float[keys];
      score = new float[keys];
      unit = new double[keys];
    }

    int k(int j) {
      return key.at(sequences.entry(b), kv, sequences.startK(b) + j);
    }

    int v(int j) {
      return value.at(sequences.entry(b), kv, sequences.startK(b) + j);
    }

    void score(int j) {
      float x = 0;
      double size = 0;
      for (int d = 0, at = k(j); d < c.headDim; d++) {
        x += query.data[q + d] * key.data[at + d];
        size += Math.abs(query.data[q + d] * key.data[at + d]);
      }
      float added = bias == null ? 0 : bias.get(b, h, i, j);
      unit[j] = 1 + Math.abs(scale) * size + (Float.isFinite(added) ? Math.abs(added) : 0);
      x = c.biasStage == BiasStage.BEFORE_SCALE ? scale * (x + added) : scale * x;
      x = c.biasStage == BiasStage.AFTER_SCALE ? x + added : x;
      slope[j] = 1;
      if (softcap > 0) {
        float t = (float) Math.tanh(x / softcap);
        x = softcap * t;
        slope[j] = 1 - t * t;
      }
      score[j] = c.biasStage == BiasStage.AFTER_SOFTCAP ? x + added : x;
    }

    float kept(int j) {
      if (keep == null) {
        return 1;
      }
      long bit = (((long) h * extent.seqlenQ() + i) * keys) + j;
      for (int earlier = 0; earlier < b; earlier++) {
        bit += (long) sequences.lengthQ(earlier) * sequences.lengthK(earlier) * c.heads;
      }
      return ((int) keep.get(bit >> 3) >> (bit & 7) & 1) == 0 ? 0 : keptFactor;
    }

    void run(float sink) {
      float max = Float.NEGATIVE_INFINITY;
      double most = 1;
      for (int j = 0; j < keys; j++) {
        visible[j] = mask.allows(b, h, i, j, extent);
        if (visible[j]) {
          score(j);
          max = Math.max(max, score[j]);
          most = Math.max(most, unit[j]);
        }
      }
      maxLogit.set(h, Math.max(maxLogit.values()[h], max), Math.max(maxLogit.terms()[h], most));
      max = Math.max(max, sink);
      if (max == Float.NEGATIVE_INFINITY) {
        return;
      }
      float sum = (float) Math.exp(sink - max);
      double size = sum;
      for (int j = 0; j < keys; j++) {
        sum += visible[j] ? (float) Math.exp(score[j] - max) : 0;
        size += visible[j] ? (float) Math.exp(score[j] - max) * unit[j] : 0;
      }
      rowMax.set(o / c.valueDim, max, most + Math.abs(max));
      rowSum.set(o / c.valueDim, sum, size + sum * (most + Math.abs(max)));
      float rowLse = max + (float) Math.log(sum);
      lse.set(o / c.valueDim, rowLse, most + Math.abs(rowLse));
      float[] p = new float[keys];
      for (int j = 0; j < keys; j++) {
        p[j] = visible[j] ? inputDtype((float) Math.exp(score[j] - max) / sum) : 0;
        // From here on the lse takes part, which has been rounded too.
        unit[j] += Math.abs(rowLse);
      }
      output(p);
      if (c.hasBackward()) {
        gradients(p, rowLse, sink);
      }
    }

    void output(float[] p) {
      for (int d = 0; d < c.valueDim; d++) {
        float sum = 0;
        double size = 0;
        for (int j = 0; j < keys; j++) {
          if (visible[j]) {
            float term = inputDtype(p[j] * kept(j)) * value.data[v(j) + d];
            sum += term;
            size += Math.abs(term) * unit[j];
          }
        }
        out.set(o + d, Tolerance.round(sum, c.outDtype()), size);
      }
    }

    /**
     * Adds this row's gradients, as kernels find them: from the lse and the output that were
     * stored.
     */
    void gradients(float[] p, float rowLse, float sink) {
      float delta = 0;
      for (int d = 0; d < c.valueDim; d++) {
        delta += dout.data[o + d] * (float) out.values()[o + d];
      }
      float[] dp = new float[keys];
      double[] sizes = new double[keys];
      double deltaSize = 0;
      for (int j = 0; j < keys; j++) {
        if (visible[j]) {
          p[j] = inputDtype((float) Math.exp(score[j] - rowLse));
          sizes[j] = probabilityGradient(j, p[j], dp);
          deltaSize += p[j] * sizes[j];
        }
      }
      float[] dq = new float[c.headDim];
      double[] dqSize = new double[c.headDim];
      for (int j = 0; j < keys; j++) {
        if (visible[j]) {
          float ds = p[j] * (dp[j] - delta);
          double size = p[j] * (sizes[j] + deltaSize * unit[j]);
          float dot = inputDtype(ds * slope[j]);
          for (int d = 0, at = k(j); d < c.headDim; d++) {
            dq[d] += dot * key.data[at + d];
            dqSize[d] += Math.abs(scale * size * key.data[at + d]);
            float term = scale * dot * query.data[q + d];
            dkey.add(at + d, term, Math.abs(scale * size * query.data[q + d]));
          }
          addBias(j, ds, dot, size + p[j] * deltaSize * unitOfOutput());
        }
      }
      for (int d = 0; d < c.headDim; d++) {
        dquery.set(q + d, Tolerance.round(scale * dq[d], c.dtype), dqSize[d]);
      }
      if (dsink != null) {
        float share = (float) Math.exp(sink - rowLse);
        double unitOfSink = Float.isFinite(sink) ? 1 + Math.abs(sink) + Math.abs(rowLse) : 1;
        dsink.add(h, -share * delta, share * deltaSize * (unitOfSink + unitOfOutput()));
      }
    }

    /**
     * delta is made of outputs, each rounded to its dtype by half a unit; where gradients of many
     * scores are summed, and few such sums compared, the plain computation's own error is luck.
     */
    double unitOfOutput() {
      return Tolerance.ulp(1, c.outDtype()) / Math.ulp(1f) / 2;
    }

    /** Sets dp of one key and adds to its dvalue; returns the size of dp's terms. */
    double probabilityGradient(int j, float pj, float[] dp) {
      float kept = kept(j);
      double size = 0;
      for (int d = 0, at = v(j); d < c.valueDim; d++) {
        float term = dout.data[o + d] * value.data[at + d];
        dp[j] += term;
        size += Math.abs(term);
        float part = inputDtype(pj * kept) * dout.data[o + d];
        dvalue.add(at + d, part, Math.abs(part) * unit[j]);
      }
      dp[j] *= kept;
      return size * kept * unit[j];
    }

    void addBias(int j, float ds, float dot, double size) {
      if (bias == null || dbias == null) {
        return;
      }
      int at = bias.element(b, h, i, j);
      if (at < 0) {
        return;
      }
      float weight = (float) bias.weight(b, i, j);
      double weighted = Math.abs(weight) * size;
      switch (c.biasStage) {
        case BEFORE_SCALE -> dbias.add(at, weight * scale * dot, Math.abs(scale) * weighted);
        case AFTER_SCALE -> dbias.add(at, weight * dot, weighted);
        case AFTER_SOFTCAP -> dbias.add(at, weight * inputDtype(ds), weighted);
      }
    }
  }
}
