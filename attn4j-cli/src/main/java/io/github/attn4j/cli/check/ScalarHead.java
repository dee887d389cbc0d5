package io.github.attn4j.cli.check;

import io.github.attn4j.Extent;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** One query head of one sequence of a {@link ScalarAttention}. */
final class ScalarHead {
  private final ScalarAttention call;
  private final Arithmetic arithmetic;
  private final Extent extent;
  private final int b;
  private final int h;
  private final float[] q;
  private final float[] k;
  private final float[] v;
  private final float @Nullable [] dout;
  private final int headDim;
  private final int valueDim;
  private final double[] qNorms;
  private final double[] kNorms;
  private final double[] vNorms;
  private final double[] doutNorms;

  /** Matrices (rows, columns) of one head. */
  ScalarHead(
      ScalarAttention call,
      int b,
      int h,
      float[] q,
      float[] k,
      float[] v,
      float @Nullable [] dout) {
    this.call = call;
    this.arithmetic = call.arithmetic;
    this.extent =
        new Extent(
            call.spec.sequences().lengthQ(b), call.spec.sequences().lengthK(b), call.spec.heads());
    this.b = b;
    this.h = h;
    this.q = q;
    this.k = k;
    this.v = v;
    this.dout = dout;
    this.headDim = call.spec.headDim();
    this.valueDim = call.spec.valueDim();
    this.qNorms = norms(q, extent.seqlenQ(), headDim);
    this.kNorms = norms(k, extent.seqlenK(), headDim);
    this.vNorms = norms(v, extent.seqlenK(), valueDim);
    this.doutNorms =
        dout == null ? new double[extent.seqlenQ()] : norms(dout, extent.seqlenQ(), valueDim);
  }

  private static double[] norms(float[] matrix, int rows, int columns) {
    return IntStream.range(0, rows)
        .mapToDouble(row -> Arithmetic.norm(matrix, row, columns))
        .toArray();
  }

  /**
   * What comes out for one query row, and the {@linkplain ScalarAttention.Values#terms terms} of
   * it; gradients are empty without dout.
   */
  record Row(
      double[] out,
      double lse,
      double[] dquery,
      double delta,
      double deltaTerms,
      double outTerms,
      double lseTerms,
      double dqueryTerms) {
    /** What the gradients of keys need of it. */
    Row light() {
      return new Row(new double[0], lse, new double[0], delta, deltaTerms, 0, 0, 0);
    }
  }

  /** The gradients of one key while they are summed. */
  static final class Key {
    final int j;
    final double[] dkey;
    final double[] dvalue;
    private final double[] dkeyTerms;
    private final double[] dvalueTerms;

    Key(int j, int headDim, int valueDim) {
      this.j = j;
      dkey = new double[headDim];
      dvalue = new double[valueDim];
      dkeyTerms = new double[headDim];
      dvalueTerms = new double[valueDim];
    }

    double keyTerms() {
      return largest(dkeyTerms);
    }

    double valueTerms() {
      return largest(dvalueTerms);
    }
  }

  private static double largest(double[] terms) {
    return Arrays.stream(terms).filter(Double::isFinite).max().orElse(0);
  }

  /**
   * Computes one row.
   *
   * @param i which
   * @param full with the gradient of the query, and the terms of the results
   */
  Row row(int i, boolean full) {
    int keys = extent.seqlenK();
    double[] scores = new double[keys];
    boolean[] visible = new boolean[keys];
    double max = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < keys; j++) {
      visible[j] = visible(i, j);
      scores[j] = visible[j] ? score(i, j) : Double.NEGATIVE_INFINITY;
      max = Math.max(max, scores[j]);
    }
    if (max == Double.NEGATIVE_INFINITY) {
      double[] none = new double[dout == null || !full ? 0 : headDim];
      return new Row(new double[valueDim], max, none, 0, 0, 0, 0, 0);
    }
    double[] exponentials = new double[keys];
    double sum = 0;
    for (int j = 0; j < keys; j++) {
      exponentials[j] = arithmetic.accumulator(Math.exp(arithmetic.accumulator(scores[j] - max)));
      sum = arithmetic.accumulator(sum + exponentials[j]);
    }
    double lse = arithmetic.accumulator(max + arithmetic.accumulator(Math.log(sum)));
    double[] out = new double[valueDim];
    double[] outTerms = new double[valueDim];
    double lseTerms = 0;
    double deltaTerms = 0;
    for (int j = 0; j < keys; j++) {
      if (visible[j]) {
        double kept = call.kept(b, h, i, j);
        double probability = arithmetic.store(exponentials[j] / sum);
        arithmetic.addScaled(out, arithmetic.store(probability * kept), v, j);
        if (arithmetic.rounds()) {
          double unit = unit(i, j);
          lseTerms = Math.max(lseTerms, unit);
          deltaTerms += probability * dpTerms(i, j, kept, unit + Math.abs(lse));
          if (full) {
            Arithmetic.addMagnitudes(outTerms, probability * kept * unit, v, j);
          }
        }
      }
    }
    lseTerms += arithmetic.rounds() ? Math.abs(lse) : 0;
    store(out);
    double delta = delta(i, out);
    Row row = new Row(out, lse, new double[0], delta, deltaTerms, largest(outTerms), lseTerms, 0);
    return dout == null || !full ? row : withDquery(i, visible, scores, row);
  }

  /** With dp_j = dout.v_j and delta = dout.out, a score's gradient is p_j (dp_j - delta). */
  private Row withDquery(int i, boolean[] visible, double[] scores, Row row) {
    double[] sum = new double[headDim];
    double[] terms = new double[headDim];
    for (int j = 0; j < scores.length; j++) {
      if (visible[j]) {
        double probability = probability(scores[j], row.lse());
        arithmetic.addScaled(sum, scoreGradient(i, j, probability, row.delta()), k, j);
        if (arithmetic.rounds()) {
          Arithmetic.addMagnitudes(terms, dotTerms(i, j, probability, row), k, j);
        }
      }
    }
    for (int c = 0; c < headDim; c++) {
      sum[c] = arithmetic.store(sum[c] * call.spec.score().scale());
    }
    return new Row(
        row.out(),
        row.lse(),
        sum,
        row.delta(),
        row.deltaTerms(),
        row.outTerms(),
        row.lseTerms(),
        largest(terms));
  }

  /** As a backward finds it, from the lse that was stored. */
  private double probability(double score, double lse) {
    return arithmetic.store(Math.exp(arithmetic.accumulator(score - lse)));
  }

  private double scoreGradient(int i, int j, double probability, double delta) {
    float[] gradient = Objects.requireNonNull(dout);
    double dp = arithmetic.dot(gradient, i, v, j, valueDim);
    dp = arithmetic.store(dp * call.kept(b, h, i, j));
    return arithmetic.store(probability * arithmetic.accumulator(dp - delta));
  }

  /** dout.out of a row. */
  private double delta(int i, double[] out) {
    if (dout == null) {
      return 0;
    }
    double delta = 0;
    for (int c = 0; c < valueDim; c++) {
      delta =
          arithmetic.accumulator(delta + arithmetic.accumulator(dout[i * valueDim + c] * out[c]));
    }
    return delta;
  }

  /** What one unit of rounding does to the exponential of a score. */
  private double unit(int i, int j) {
    return 1 + Math.abs(call.spec.score().scale()) * qNorms[i] * kNorms[j];
  }

  private double dpTerms(int i, int j, double kept, double unit) {
    return doutNorms[i] * vNorms[j] * kept * unit;
  }

  /** Terms of a score's gradient, times the scale. */
  private double dotTerms(int i, int j, double probability, Row row) {
    double unit = unit(i, j) + Math.abs(row.lse());
    double dp = dpTerms(i, j, call.kept(b, h, i, j), unit);
    return call.spec.score().scale()
        * probability
        * (dp + row.deltaTerms() + Math.abs(row.delta()) * unit);
  }

  /** Adds what the rows of this head say about one key. */
  void addTo(Key key, List<Row> rows) {
    int j = key.j;
    float[] gradient = Objects.requireNonNull(dout);
    double[] dk = new double[headDim];
    for (int i = 0; i < extent.seqlenQ(); i++) {
      Row row = rows.get(i);
      if (visible(i, j) && row.lse() != Double.NEGATIVE_INFINITY) {
        double probability = probability(score(i, j), row.lse());
        double share = arithmetic.store(probability * call.kept(b, h, i, j));
        arithmetic.addScaled(key.dvalue, share, gradient, i);
        arithmetic.addScaled(dk, scoreGradient(i, j, probability, row.delta()), q, i);
        if (arithmetic.rounds()) {
          double unit = unit(i, j) + Math.abs(row.lse());
          Arithmetic.addMagnitudes(key.dvalueTerms, share * unit, gradient, i);
          Arithmetic.addMagnitudes(key.dkeyTerms, dotTerms(i, j, probability, row), q, i);
        }
      }
    }
    for (int c = 0; c < headDim; c++) {
      key.dkey[c] = arithmetic.accumulator(key.dkey[c] + dk[c] * call.spec.score().scale());
    }
  }

  private double score(int i, int j) {
    return arithmetic.store(arithmetic.dot(q, i, k, j, headDim) * call.spec.score().scale());
  }

  private boolean visible(int i, int j) {
    return call.spec.mask().allows(b, h, i, j, extent);
  }

  private void store(double[] values) {
    for (int c = 0; c < values.length; c++) {
      values[c] = arithmetic.store(values[c]);
    }
  }
}
