package io.github.attn4j.examples.minilm;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@code x Φ(x)}, Φ being the normal distribution. The error function is written out: sums and
 * products have the same bits whoever compiles them, which the vector library's functions do not
 * promise.
 */
final class Gelu {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

  // erfc(z) = (a1 t + .. + a5 t^5) exp(-z^2) with t = 1 / (1 + p z), to 1.5e-7 for z >= 0:
  // Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
  private static final float P = 0.3275911f;
  private static final float A1 = 0.254829592f;
  private static final float A2 = -0.284496736f;
  private static final float A3 = 1.421413741f;
  private static final float A4 = -1.453152027f;
  private static final float A5 = 1.061405429f;

  private static final float SQRT_HALF = 0.70710678f;
  private static final float LOG2E = 1.44269504f;

  /** ln 2 in two parts: products of the first with small integers are exact. */
  private static final float LN2_HIGH = 0.693359375f;

  private static final float LN2_LOW = -2.12194440e-4f;

  /** Adding it rounds a small number to an integer, which then lies in the lowest bits. */
  private static final float ROUND = 0x1.8p23f;

  /** exp of it is still a normal number; with less, Φ is 0 or 1 in float32. */
  private static final float LOWEST = -87;

  private static final int MANTISSA_BITS = 23;

  private Gelu() {}

  /** Applies it to {@code c[from .. to)}. */
  static void apply(float[] c, int from, int to) {
    int n = from;
    for (; n <= to - FLOATS.length(); n += FLOATS.length()) {
      gelu(FloatVector.fromArray(FLOATS, c, n)).intoArray(c, n);
    }
    if (n < to) {
      float[] rest = new float[FLOATS.length()];
      System.arraycopy(c, n, rest, 0, to - n);
      gelu(FloatVector.fromArray(FLOATS, rest, 0)).intoArray(rest, 0);
      System.arraycopy(rest, 0, c, n, to - n);
    }
  }

  private static FloatVector gelu(FloatVector x) {
    FloatVector z = x.abs().mul(SQRT_HALF);
    FloatVector t = FloatVector.broadcast(FLOATS, 1).div(z.mul(P).add(1));
    FloatVector series = t.mul(A5).add(A4).mul(t).add(A3).mul(t).add(A2).mul(t).add(A1).mul(t);
    // What of the distribution lies beyond |x|, times |x|: what is lost from x, or left of it.
    FloatVector tail = series.mul(exp(z.mul(z).neg())).mul(x.abs().mul(0.5f));
    return x.max(0).sub(tail);
  }

  /** exp of numbers that are not positive. */
  private static FloatVector exp(FloatVector x) {
    FloatVector bounded = x.max(LOWEST);
    FloatVector rounded = bounded.mul(LOG2E).add(ROUND);
    FloatVector power = rounded.sub(ROUND);
    FloatVector r = bounded.sub(power.mul(LN2_HIGH)).sub(power.mul(LN2_LOW));
    // Taylor's series on |r| <= ln(2) / 2.
    FloatVector series = r.mul(1 / 5040f).add(1 / 720f).mul(r).add(1 / 120f).mul(r).add(1 / 24f);
    series = series.mul(r).add(1 / 6f).mul(r).add(0.5f).mul(r).add(1).mul(r).add(1);
    return series
        .reinterpretAsInts()
        .add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, MANTISSA_BITS))
        .reinterpretAsFloats();
  }
}
