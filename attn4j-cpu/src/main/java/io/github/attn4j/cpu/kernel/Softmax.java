package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.COUNT;
import static io.github.attn4j.cpu.kernel.Lanes.FLOATS;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The running softmax of a panel of queries: one lane is one query. The steps hand numbers on through
 * arrays, since a vector that crosses a call which is not inlined is boxed.
 */
final class Softmax {
  private Softmax() {}

  /**
   * Takes in the scores of keys {@code [first, end)}: turns them into {@code exp(score - rowMax)} in
   * place, moves rowMax and rowSum on, and rescales the output so far where a maximum moved.
   */
  static void online(Workspace w, int lane, int first, int end, int outColumns) {
    int out = lane / NR * outColumns * PS;
    for (int v = 0; v < NR; v += COUNT) {
      max(w, lane + v, v, first, end);
      boolean moved = alpha(w, lane + v);
      exponents(w, lane + v, v, first, end);
      if (moved) {
        rescale(w, out + v, outColumns);
      }
    }
  }

  /**
   * Leaves the new maximum in w.base, by comparison and not by MAX: a NaN is passed over here and
   * comes back through its own exponent.
   */
  private static void max(Workspace w, int lane, int start, int first, int end) {
    FloatVector max = FloatVector.fromArray(FLOATS, w.rowMax, lane);
    for (int at = first * PS + start; at < end * PS; at += PS) {
      FloatVector x = FloatVector.fromArray(FLOATS, w.st, at);
      max = max.blend(x, x.compare(VectorOperators.GT, max));
    }
    max.intoArray(w.base, 0);
  }

  /**
   * Moves rowMax on, and leaves what the sums so far are worth under the new maximum in w.alpha and
   * what to subtract from the scores in w.base.
   *
   * @return whether a maximum moved under sums that are not empty
   */
  private static boolean alpha(Workspace w, int lane) {
    FloatVector before = FloatVector.fromArray(FLOATS, w.rowMax, lane);
    FloatVector max = FloatVector.fromArray(FLOATS, w.base, 0);
    // A row that has seen nothing yet keeps its empty state by name: (-inf) - (-inf) would be NaN.
    FloatVector base = max.blend(0f, max.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY));
    FloatVector alpha = Exp.of(before.sub(base));
    max.intoArray(w.rowMax, lane);
    base.intoArray(w.base, 0);
    alpha.intoArray(w.alpha, 0);
    return alpha
        .compare(VectorOperators.NE, 1f)
        .and(before.compare(VectorOperators.NE, Float.NEGATIVE_INFINITY))
        .anyTrue();
  }

  private static void exponents(Workspace w, int lane, int start, int first, int end) {
    FloatVector base = FloatVector.fromArray(FLOATS, w.base, 0);
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int at = first * PS + start; at < end * PS; at += PS) {
      FloatVector p = Exp.of(FloatVector.fromArray(FLOATS, w.st, at).sub(base));
      p.intoArray(w.st, at);
      sum = sum.add(p);
    }
    FloatVector alpha = FloatVector.fromArray(FLOATS, w.alpha, 0);
    FloatVector.fromArray(FLOATS, w.rowSum, lane).fma(alpha, sum).intoArray(w.rowSum, lane);
  }

  private static void rescale(Workspace w, int start, int columns) {
    FloatVector alpha = FloatVector.fromArray(FLOATS, w.alpha, 0);
    for (int at = start; at < start + columns * PS; at += PS) {
      FloatVector.fromArray(FLOATS, w.ot, at).mul(alpha).intoArray(w.ot, at);
    }
  }
}
