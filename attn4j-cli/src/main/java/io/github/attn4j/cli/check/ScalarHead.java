package io.github.attn4j.cli.check;

import io.github.attn4j.Extent;
import java.util.Objects;
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
  }

  /** What comes out for one query row; dquery is empty without dout. */
  record Row(double[] out, double lse, double[] dquery) {}

  Row row(int i) {
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
      return new Row(new double[valueDim], max, new double[dout == null ? 0 : headDim]);
    }
    double sum = 0;
    for (int j = 0; j < keys; j++) {
      scores[j] = arithmetic.accumulator(Math.exp(arithmetic.accumulator(scores[j] - max)));
      sum = arithmetic.accumulator(sum + scores[j]);
    }
    double[] out = new double[valueDim];
    for (int j = 0; j < keys; j++) {
      if (visible[j]) {
        scores[j] = arithmetic.store(scores[j] / sum);
        arithmetic.addScaled(out, scores[j] * call.kept(b, h, i, j), v, j);
      }
    }
    double lse = arithmetic.accumulator(max + arithmetic.accumulator(Math.log(sum)));
    store(out);
    return new Row(out, lse, dout == null ? new double[0] : dquery(i, visible, scores, out));
  }

  /** With dp_j = dout.v_j and delta = dout.out, a score's gradient is p_j (dp_j - delta). */
  private double[] dquery(int i, boolean[] visible, double[] probabilities, double[] out) {
    double delta = 0;
    float[] gradient = Objects.requireNonNull(dout);
    for (int c = 0; c < valueDim; c++) {
      delta = arithmetic.accumulator(delta + gradient[i * valueDim + c] * out[c]);
    }
    double[] sum = new double[headDim];
    for (int j = 0; j < probabilities.length; j++) {
      if (visible[j]) {
        arithmetic.addScaled(sum, scoreGradient(i, j, probabilities[j], delta), k, j);
      }
    }
    for (int c = 0; c < headDim; c++) {
      sum[c] = arithmetic.store(sum[c] * call.spec.score().scale());
    }
    return sum;
  }

  private double scoreGradient(int i, int j, double probability, double delta) {
    float[] gradient = Objects.requireNonNull(dout);
    double dp = arithmetic.dot(gradient, i, v, j, valueDim);
    dp = arithmetic.store(dp * call.kept(b, h, i, j));
    return arithmetic.store(probability * arithmetic.accumulator(dp - delta));
  }

  /** dout.out of every row. */
  float[] delta(float[] out) {
    float[] delta = new float[extent.seqlenQ()];
    float[] gradient = Objects.requireNonNull(dout);
    for (int i = 0; i < delta.length; i++) {
      delta[i] = (float) arithmetic.dot(gradient, i, out, i, valueDim);
    }
    return delta;
  }

  /** Adds what the rows of this head say about one key. */
  void addKey(int j, float[] lse, float[] delta, double[] dkey, double[] dvalue) {
    float[] gradient = Objects.requireNonNull(dout);
    double[] dk = new double[headDim];
    for (int i = 0; i < extent.seqlenQ(); i++) {
      if (visible(i, j) && lse[i] != Float.NEGATIVE_INFINITY) {
        double probability =
            arithmetic.store(Math.exp(arithmetic.accumulator(score(i, j) - lse[i])));
        arithmetic.addScaled(
            dvalue, arithmetic.store(probability * call.kept(b, h, i, j)), gradient, i);
        arithmetic.addScaled(dk, scoreGradient(i, j, probability, delta[i]), q, i);
      }
    }
    for (int c = 0; c < headDim; c++) {
      dkey[c] = arithmetic.accumulator(dkey[c] + dk[c] * call.spec.score().scale());
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
