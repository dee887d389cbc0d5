package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.github.attn4j.DType;
import io.github.attn4j.testkit.Tolerance;

/**
 * The testkit's rule with DJL on both sides: the error against the formula in float64 is at most
 * twice the error of the formula in the call's own type, plus rounding noise, of the result and of
 * its terms.
 */
final class Agreement {
  private Agreement() {}

  static void check(
      String what, NDArray got, NDArray reference, NDArray plain, double terms, DType dtype) {
    double[] expected = numbers(reference);
    double[] yardstick = numbers(plain);
    double largest = 0;
    double error = 0;
    for (int at = 0; at < expected.length; at++) {
      double distance = Math.abs(yardstick[at] - expected[at]);
      largest = Double.isFinite(expected[at]) ? Math.max(largest, Math.abs(expected[at])) : largest;
      error = Double.isFinite(distance) ? Math.max(error, distance) : error;
    }
    double bound = 2 * error + Tolerance.noise(largest, dtype) + Math.ulp(1f) * terms;
    Tolerance.check(what, got.getShape().getShape(), numbers(got), expected, bound);
  }

  static double[] numbers(NDArray array) {
    return array.toType(DataType.FLOAT64, true).toDoubleArray();
  }
}
