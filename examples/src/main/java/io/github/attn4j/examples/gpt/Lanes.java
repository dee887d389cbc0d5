package io.github.attn4j.examples.gpt;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums and exponentials on vectors. Ranges are multiples of 16, a multiple of every vector's
 * length.
 *
 * <p>All is made of multiplications and additions in an order of our own, which have the same bits
 * in the interpreter and in compiled code. The Vector API's mathematical functions and its sums
 * over lanes need not, and a training would then depend on when the compiler came round to them.
 */
final class Lanes {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  static final int LENGTH = FLOATS.length();

  private static final float LOG2_E = 1.44269504f;

  /** ln 2 in two parts, the first with so few bits that a multiple of it is exact. */
  private static final float LN2_HIGH = 0.693359375f;

  private static final float LN2_LOW = -2.12194440e-4f;

  /** Added and taken away again, it leaves the nearest integer. */
  private static final float ROUND = 0x1.8p23f;

  /** Beyond these, exp is held at what it is there; neither is infinite or subnormal. */
  private static final float LEAST = -87f;

  private static final float MOST = 88f;

  private Lanes() {}

  static FloatVector load(float[] a, int at) {
    return FloatVector.fromArray(FLOATS, a, at);
  }

  static float sum(float[] a, int from, int count) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int i = from; i < from + count; i += LENGTH) {
      sum = sum.add(load(a, i));
    }
    return total(sum);
  }

  static float dot(float[] a, int aFrom, float[] b, int bFrom, int count) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int i = 0; i < count; i += LENGTH) {
      sum = load(a, aFrom + i).fma(load(b, bFrom + i), sum);
    }
    return total(sum);
  }

  /** In one order: that of reduceLanes is the implementation's choice. */
  private static float total(FloatVector sum) {
    float[] lanes = new float[LENGTH];
    sum.intoArray(lanes, 0);
    for (int half = LENGTH / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        lanes[i] += lanes[half + i];
      }
    }
    return lanes[0];
  }

  static float max(float[] a, int from, int count) {
    FloatVector max = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    for (int i = from; i < from + count; i += LENGTH) {
      max = max.max(load(a, i));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  /** {@code e^x}, off by a few units in the last place. */
  static FloatVector exp(FloatVector x) {
    FloatVector held = x.max(LEAST).min(MOST);
    FloatVector n = held.mul(LOG2_E).add(ROUND).sub(ROUND);
    FloatVector f = n.fma(all(-LN2_LOW), n.fma(all(-LN2_HIGH), held));
    FloatVector p = f.fma(all(1 / 720f), all(1 / 120f));
    p = p.fma(f, all(1 / 24f)).fma(f, all(1 / 6f)).fma(f, all(0.5f)).fma(f, all(1)).fma(f, all(1));
    // n + 127 in the low bits, shifted to where a float has its exponent.
    FloatVector power =
        n.add(ROUND + 127)
            .viewAsIntegralLanes()
            .lanewise(VectorOperators.LSHL, 23)
            .viewAsFloatingLanes();
    return p.mul(power);
  }

  /** {@code 1 / (1 + e^-x)}. */
  static FloatVector sigmoid(FloatVector x) {
    return all(1).div(exp(x.neg()).add(1));
  }

  private static FloatVector all(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }
}
