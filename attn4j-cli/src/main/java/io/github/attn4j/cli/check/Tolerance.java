package io.github.attn4j.cli.check;

import io.github.attn4j.DType;

/**
 * The tolerance rule: the error against the truth is at most twice the error of the plain
 * computation in the same precision, plus rounding noise. Anything that is no number fails.
 *
 * @param error largest absolute error; NaN if a value is no number where the truth is one, or the
 *     other way round
 * @param bound largest error allowed
 */
public record Tolerance(double error, double bound) {
  /**
   * Measures values.
   *
   * @param values what is checked
   * @param truth what they should be
   * @param bound from {@link #bound}
   * @return error and bound
   */
  public static Tolerance of(double[] values, double[] truth, double bound) {
    return new Tolerance(error(values, truth), bound);
  }

  /**
   * The bound of the rule.
   *
   * @param plain the plain computation's values
   * @param truth what they should be
   * @param dtype the precision of both
   * @return the largest error allowed
   */
  public static double bound(double[] plain, double[] truth, DType dtype) {
    return 2 * error(plain, truth) + noise(truth, dtype);
  }

  /**
   * What a value loses by passing through another of similar size, twice over.
   *
   * @param truth the values
   * @param dtype their precision
   * @return twice the largest change by adding and subtracting 0.3
   */
  public static double noise(double[] truth, DType dtype) {
    double noise = 0;
    for (double value : truth) {
      double moved = Arithmetic.round(dtype, Arithmetic.round(dtype, value + 0.3) - 0.3);
      double change = Math.abs(moved - value);
      noise = change > noise ? change : noise;
    }
    return Double.isInfinite(noise) ? 0 : 2 * noise;
  }

  /**
   * The largest absolute difference; equal infinities differ by nothing.
   *
   * @param values some values
   * @param truth as many others
   * @return NaN or infinity if some pair cannot be compared
   */
  public static double error(double[] values, double[] truth) {
    double error = 0;
    for (int n = 0; n < values.length; n++) {
      double difference = values[n] == truth[n] ? 0 : Math.abs(values[n] - truth[n]);
      // Math.max keeps a NaN, a comparison would lose it.
      error = Math.max(error, difference);
    }
    return error;
  }

  /**
   * Whether the rule holds.
   *
   * @return false also where the error is no number
   */
  public boolean holds() {
    return error <= bound;
  }
}
