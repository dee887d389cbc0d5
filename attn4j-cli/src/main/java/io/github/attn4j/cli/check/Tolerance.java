package io.github.attn4j.cli.check;

import io.github.attn4j.DType;

/**
 * The tolerance rule: the error against the truth is at most twice the error of the plain
 * computation in the same precision, plus rounding noise. No number agrees with no number only.
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
   * The bound of the rule. Where a value or its plain counterpart is no finite number, it says
   * nothing about rounding.
   *
   * @param plain the plain computation's values
   * @param terms the largest magnitude of the terms that make up one of them
   * @param truth what they should be
   * @param dtype the precision of the result
   * @return the largest error allowed
   */
  public static double bound(double[] plain, double terms, double[] truth, DType dtype) {
    double error = 0;
    for (int n = 0; n < truth.length; n++) {
      double difference = Math.abs(plain[n] - truth[n]);
      error = Double.isFinite(difference) ? Math.max(error, difference) : error;
    }
    // Sums that cancel keep the rounding of their terms, in whatever order they are summed.
    return 2 * error + noise(truth, dtype) + Math.ulp(1f) * terms;
  }

  /**
   * What rounding alone may do to the largest value: twice half a unit in its last place, 0.3 added
   * as FlashAttention's tests do.
   *
   * @param truth the values
   * @param dtype their precision
   * @return one unit in the last place
   */
  public static double noise(double[] truth, DType dtype) {
    double largest = 0;
    for (double value : truth) {
      largest = Double.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest;
    }
    return Arithmetic.ulp(dtype, largest + 0.3);
  }

  /**
   * The largest absolute difference; equal infinities, and two that are no numbers, differ by
   * nothing.
   *
   * @param values some values
   * @param truth as many others
   * @return NaN or infinity if some pair cannot be compared
   */
  public static double error(double[] values, double[] truth) {
    double error = 0;
    for (int n = 0; n < values.length; n++) {
      double difference =
          Double.compare(values[n], truth[n]) == 0 ? 0 : Math.abs(values[n] - truth[n]);
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
