package io.github.attn4j.testkit;

import io.github.attn4j.DType;
import java.util.Arrays;

/**
 * The tolerance rule: the error against the float64 reference is at most twice the error of the
 * plain same-precision computation, plus rounding noise, each as the largest over the tensor.
 *
 * <p>The noise of FlashAttention's tests is 2 · max|(ref + 0.3 − 0.3) − ref| in the result's dtype.
 * Here it is taken at its worst instead of as it happens to fall, one unit in the last place of
 * max|ref| + 0.3, so that a result of few elements is not judged by luck. And where 0.3 stands for
 * terms of order one, the real size of the terms is known: one unit of float32 of the {@linkplain
 * Yardstick#terms terms} is added, since sums that cancel (a gradient of zero) keep the rounding of
 * their terms in whatever order they are summed.
 */
public final class Tolerance {
  private Tolerance() {}

  /**
   * A number rounded to a floating dtype.
   *
   * @param value the number
   * @param dtype FLOAT32, FLOAT16 or BFLOAT16
   * @return the nearest number of that dtype
   */
  public static double round(double value, DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> (float) value;
      case FLOAT16 -> Float.float16ToFloat(Float.floatToFloat16((float) value));
      case BFLOAT16 -> DType.bfloat16ToFloat(DType.floatToBfloat16((float) value));
      default -> throw new IllegalArgumentException("no floating dtype: " + dtype);
    };
  }

  /** Distance between neighbouring numbers of a dtype. */
  static double ulp(double value, DType dtype) {
    double magnitude = Math.abs(value);
    return switch (dtype) {
      case FLOAT32 -> Math.ulp((float) magnitude);
      case FLOAT16 -> Math.max(0x1p-24, Math.ulp((float) magnitude) * 0x1p13);
      case BFLOAT16 -> Math.ulp((float) magnitude) * 0x1p16;
      default -> throw new IllegalArgumentException("no floating dtype: " + dtype);
    };
  }

  /**
   * What rounding alone may do to a result of this size.
   *
   * @param largest the largest magnitude in the result
   * @param dtype of the result
   * @return one unit in the last place of it and a little more
   */
  public static double noise(double largest, DType dtype) {
    return 2 * 0.5 * ulp(largest + 0.3, dtype);
  }

  private static double bound(double[] reference, Yardstick plain, DType dtype) {
    double largest = 0;
    double error = 0;
    for (int at = 0; at < reference.length; at++) {
      double distance = Math.abs(plain.values()[at] - reference[at]);
      if (Double.isFinite(reference[at])) {
        largest = Math.max(largest, Math.abs(reference[at]));
      }
      if (Double.isFinite(distance)) {
        error = Math.max(error, distance);
      }
    }
    return 2 * error + noise(largest, dtype) + Math.ulp(1f) * plain.largestTerms();
  }

  /**
   * Whether a number agrees; written so that NaN agrees with NaN only, and an infinity with itself
   * only.
   */
  private static boolean agrees(double got, double reference, double bound) {
    if (Double.isNaN(reference)) {
      return Double.isNaN(got);
    }
    return got == reference || Math.abs(got - reference) <= bound;
  }

  /**
   * Compares by the rule.
   *
   * @param what the tensor's name
   * @param shape its extents, to name positions
   * @param got what a backend computed
   * @param reference the float64 reference
   * @param plain the plain computation
   * @param dtype the dtype of the result
   */
  static void check(
      String what, long[] shape, double[] got, double[] reference, Yardstick plain, DType dtype) {
    check(what, shape, got, reference, bound(reference, plain, dtype));
  }

  /**
   * Compares under a bound that the caller justifies.
   *
   * @param what the tensor's name
   * @param shape its extents, to name positions
   * @param got what was computed
   * @param reference what is right
   * @param bound the largest difference that agrees; NaN agrees with NaN only
   */
  public static void check(
      String what, long[] shape, double[] got, double[] reference, double bound) {
    if (got.length != reference.length) {
      throw new AssertionError(
          "%s: expected %d elements, got %d".formatted(what, reference.length, got.length));
    }
    int wrong = 0;
    int worst = -1;
    double most = -1;
    for (int at = 0; at < got.length; at++) {
      if (!agrees(got[at], reference[at], bound)) {
        wrong++;
        double distance = Math.abs(got[at] - reference[at]);
        double size = Double.isNaN(distance) ? Double.POSITIVE_INFINITY : distance;
        if (size > most) {
          most = size;
          worst = at;
        }
      }
    }
    if (wrong > 0) {
      throw new AssertionError(
          ("%s%s of %s: got %s, reference %s, difference %.3g, bound %.3g; "
                  + "%d of %d elements (%.2f%%) are wrong")
              .formatted(
                  what,
                  Arrays.toString(position(worst, shape)),
                  Arrays.toString(shape),
                  got[worst],
                  reference[worst],
                  got[worst] - reference[worst],
                  bound,
                  wrong,
                  got.length,
                  100.0 * wrong / got.length));
    }
  }

  static long[] position(long flat, long[] shape) {
    long[] index = new long[shape.length];
    for (int d = shape.length - 1; d >= 0; d--) {
      index[d] = flat % shape[d];
      flat /= shape[d];
    }
    return index;
  }
}
