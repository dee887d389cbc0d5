package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Vectors.COUNT;
import static io.github.attn4j.cpu.kernel.Vectors.FLOATS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The running softmax of a panel of queries: one lane is one query. The steps hand numbers on
 * through arrays, since a vector that crosses a call which is not inlined is boxed.
 */
final class Softmax {
  private Softmax() {}

  /**
   * Takes in the scores of keys {@code [first, end)}: turns them into {@code exp(score - rowMax)}
   * in place, moves rowMax and rowSum on, and rescales the output so far where a maximum moved.
   */
  static void online(Workspace w, int lane, int first, int end, int outColumns) {
    int out = lane / NR * outColumns * PS;
    max(w, lane, first, end);
    for (int v = 0; v < NR; v += COUNT) {
      boolean moved = alpha(w, lane + v, v);
      if (moved) {
        rescale(w, out + v, v, outColumns);
      }
    }
    exponents(w, lane, first, end);
  }

  /**
   * Leaves the new maxima in w.base, by comparison and not by MAX: a NaN is passed over here and
   * comes back through its own exponent. Four maxima at once, since each step waits for the one
   * before.
   */
  private static void max(Workspace w, int lane, int first, int end) {
    float[] st = w.st.array();
    float[] rowMax = w.rowMax.array();
    float[] base = w.base.array();
    FloatVector a0 = FloatVector.fromArray(FLOATS, rowMax, lane);
    FloatVector b0 = FloatVector.fromArray(FLOATS, rowMax, lane + COUNT);
    FloatVector a1 = a0;
    FloatVector b1 = b0;
    int at = first * PS;
    for (; at < (end - 1) * PS; at += 2 * PS) {
      FloatVector x0 = FloatVector.fromArray(FLOATS, st, at);
      FloatVector y0 = FloatVector.fromArray(FLOATS, st, at + COUNT);
      FloatVector x1 = FloatVector.fromArray(FLOATS, st, at + PS);
      FloatVector y1 = FloatVector.fromArray(FLOATS, st, at + PS + COUNT);
      a0 = a0.blend(x0, x0.compare(VectorOperators.GT, a0));
      b0 = b0.blend(y0, y0.compare(VectorOperators.GT, b0));
      a1 = a1.blend(x1, x1.compare(VectorOperators.GT, a1));
      b1 = b1.blend(y1, y1.compare(VectorOperators.GT, b1));
    }
    if (at < end * PS) {
      FloatVector x0 = FloatVector.fromArray(FLOATS, st, at);
      FloatVector y0 = FloatVector.fromArray(FLOATS, st, at + COUNT);
      a0 = a0.blend(x0, x0.compare(VectorOperators.GT, a0));
      b0 = b0.blend(y0, y0.compare(VectorOperators.GT, b0));
    }
    a0.blend(a1, a1.compare(VectorOperators.GT, a0)).intoArray(base, 0);
    b0.blend(b1, b1.compare(VectorOperators.GT, b0)).intoArray(base, COUNT);
  }

  /**
   * Moves rowMax on, and leaves what the sums so far are worth under the new maximum in w.alpha and
   * what to subtract from the scores in w.base.
   *
   * @return whether a maximum moved under sums that are not empty
   */
  private static boolean alpha(Workspace w, int lane, int v) {
    float[] rowMax = w.rowMax.array();
    float[] bases = w.base.array();
    float[] alphas = w.alpha.array();
    FloatVector before = FloatVector.fromArray(FLOATS, rowMax, lane);
    FloatVector max = FloatVector.fromArray(FLOATS, bases, v);
    // A row that has seen nothing yet keeps its empty state by name: (-inf) - (-inf) would be NaN.
    FloatVector base = max.blend(0f, max.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY));
    FloatVector alpha = Exp.of(before.sub(base));
    max.intoArray(rowMax, lane);
    base.intoArray(bases, v);
    alpha.intoArray(alphas, v);
    return alpha
        .compare(VectorOperators.NE, 1f)
        .and(before.compare(VectorOperators.NE, Float.NEGATIVE_INFINITY))
        .anyTrue();
  }

  private static void exponents(Workspace w, int lane, int first, int end) {
    float[] st = w.st.array();
    float[] rowSum = w.rowSum.array();
    float[] bases = w.base.array();
    float[] alphas = w.alpha.array();
    FloatVector base0 = FloatVector.fromArray(FLOATS, bases, 0);
    FloatVector base1 = FloatVector.fromArray(FLOATS, bases, COUNT);
    FloatVector sum0 = FloatVector.zero(FLOATS);
    FloatVector sum1 = FloatVector.zero(FLOATS);
    for (int at = first * PS; at < end * PS; at += PS) {
      FloatVector p0 = Exp.of(FloatVector.fromArray(FLOATS, st, at).sub(base0));
      p0.intoArray(st, at);
      sum0 = sum0.add(p0);
      FloatVector p1 = Exp.of(FloatVector.fromArray(FLOATS, st, at + COUNT).sub(base1));
      p1.intoArray(st, at + COUNT);
      sum1 = sum1.add(p1);
    }
    FloatVector alpha0 = FloatVector.fromArray(FLOATS, alphas, 0);
    FloatVector alpha1 = FloatVector.fromArray(FLOATS, alphas, COUNT);
    FloatVector.fromArray(FLOATS, rowSum, lane).fma(alpha0, sum0).intoArray(rowSum, lane);
    FloatVector.fromArray(FLOATS, rowSum, lane + COUNT)
        .fma(alpha1, sum1)
        .intoArray(rowSum, lane + COUNT);
  }

  private static void rescale(Workspace w, int start, int v, int columns) {
    float[] ot = w.ot.array();
    float[] alphas = w.alpha.array();
    FloatVector alpha = FloatVector.fromArray(FLOATS, alphas, v);
    for (int at = start; at < start + columns * PS; at += PS) {
      FloatVector.fromArray(FLOATS, ot, at).mul(alpha).intoArray(ot, at);
    }
  }
}
