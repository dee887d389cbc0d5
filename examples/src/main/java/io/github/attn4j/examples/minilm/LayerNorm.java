package io.github.attn4j.examples.minilm;

import io.github.attn4j.examples.math.Workers;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.jspecify.annotations.Nullable;

/**
 * Layer normalisation over rows of HIDDEN numbers. Sums are made lane by lane and joined in order,
 * so that the bits do not depend on what the compiler makes of them.
 */
final class LayerNorm {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final int WIDTH = MiniLm.HIDDEN;
  private static final double EPSILON = 1e-12;

  /** Rows of a task. */
  private static final int TASK_ROWS = 64;

  private LayerNorm() {}

  /**
   * {@code out[r] = norm(in[r] + residual[r])} for every row.
   *
   * @param residual or null for none
   * @param out may be in or residual
   */
  static void apply(
      int rows,
      MiniLm.Norm norm,
      float[] in,
      float @Nullable [] residual,
      float[] out,
      Workers workers) {
    workers.forEach(
        Math.ceilDiv(rows, TASK_ROWS),
        task -> {
          int last = Math.min((task + 1) * TASK_ROWS, rows);
          for (int row = task * TASK_ROWS; row < last; row++) {
            applyRow(norm, in, residual, out, row * WIDTH);
          }
        });
  }

  private static void applyRow(
      MiniLm.Norm norm, float[] in, float @Nullable [] residual, float[] out, int at) {
    FloatVector sums = FloatVector.zero(FLOATS);
    for (int n = at; n < at + WIDTH; n += FLOATS.length()) {
      FloatVector x = FloatVector.fromArray(FLOATS, in, n);
      if (residual != null) {
        x = x.add(FloatVector.fromArray(FLOATS, residual, n));
      }
      x.intoArray(out, n);
      sums = sums.add(x);
    }
    float mean = (float) (sum(sums) / WIDTH);
    FloatVector squares = FloatVector.zero(FLOATS);
    for (int n = at; n < at + WIDTH; n += FLOATS.length()) {
      FloatVector x = FloatVector.fromArray(FLOATS, out, n).sub(mean);
      x.intoArray(out, n);
      squares = x.fma(x, squares);
    }
    float factor = (float) (1 / Math.sqrt(sum(squares) / WIDTH + EPSILON));
    for (int n = 0; n < WIDTH; n += FLOATS.length()) {
      FloatVector.fromArray(FLOATS, out, at + n)
          .mul(factor)
          .mul(FloatVector.fromArray(FLOATS, norm.scale(), n))
          .add(FloatVector.fromArray(FLOATS, norm.shift(), n))
          .intoArray(out, at + n);
    }
  }

  private static double sum(FloatVector lanes) {
    double sum = 0;
    for (int lane = 0; lane < FLOATS.length(); lane++) {
      sum += lanes.lane(lane);
    }
    return sum;
  }
}
