package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.COUNT;
import static io.github.attn4j.cpu.kernel.Lanes.FLOATS;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.NR;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** The running softmax of a panel of queries: one lane is one query. */
final class Softmax {
  private Softmax() {}

  /**
   * Takes in the scores of keys {@code [first, end)}: turns them into {@code 2^(score - rowMax)} in
   * place, moves rowMax and rowSum on, and rescales the output so far where a maximum moved.
   */
  static void online(Workspace w, int lane, int first, int end, int outColumns) {
    int out = lane / NR * outColumns * PS;
    for (int v = 0; v < NR; v += COUNT) {
      FloatVector before = FloatVector.fromArray(FLOATS, w.rowMax, lane + v);
      FloatVector max = max(w.st, v, first, end, before);
      // A row that has seen nothing yet keeps its empty state by name: (-inf) - (-inf) would be
      // NaN.
      FloatVector base = max.blend(0f, max.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY));
      FloatVector sum = exponents(w.st, v, first, end, base);
      FloatVector alpha = Exp2.of(before.sub(base));
      max.intoArray(w.rowMax, lane + v);
      FloatVector.fromArray(FLOATS, w.rowSum, lane + v).fma(alpha, sum).intoArray(w.rowSum, lane + v);
      boolean moved =
          alpha
              .compare(VectorOperators.NE, 1f)
              .and(before.compare(VectorOperators.NE, Float.NEGATIVE_INFINITY))
              .anyTrue();
      if (moved) {
        rescale(w.ot, out + v, outColumns, alpha);
      }
    }
  }

  /**
   * The maximum, by comparison and not by MAX: a NaN is passed over here and comes back through its
   * own exponent.
   */
  private static FloatVector max(float[] st, int v, int first, int end, FloatVector before) {
    FloatVector max = before;
    for (int at = first * PS + v; at < end * PS; at += PS) {
      FloatVector x = FloatVector.fromArray(FLOATS, st, at);
      max = max.blend(x, x.compare(VectorOperators.GT, max));
    }
    return max;
  }

  private static FloatVector exponents(float[] st, int v, int first, int end, FloatVector base) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int at = first * PS + v; at < end * PS; at += PS) {
      FloatVector p = Exp2.of(FloatVector.fromArray(FLOATS, st, at).sub(base));
      p.intoArray(st, at);
      sum = sum.add(p);
    }
    return sum;
  }

  private static void rescale(float[] ot, int start, int columns, FloatVector alpha) {
    for (int at = start; at < start + columns * PS; at += PS) {
      FloatVector.fromArray(FLOATS, ot, at).mul(alpha).intoArray(ot, at);
    }
  }
}
