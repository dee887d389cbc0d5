package io.github.attn4j.spi;

/**
 * The arithmetic that joins two partial results of a row, over disjoint keys: each part weighs
 * {@code exp(its lse - joint lse)}. Every join, of results or within a backend, rounds these
 * float64 numbers once to the dtype it stores; so joins in the same order give the same bits.
 *
 * <p>Empty parts are branched on by name, since {@code (-inf) - (-inf)} is NaN.
 */
public final class Partials {
  private Partials() {}

  /**
   * The joint lse.
   *
   * @param x the lse of one part, negative infinity if it saw nothing
   * @param y that of the other
   * @return {@code ln(exp(x) + exp(y))}
   */
  public static double lse(double x, double y) {
    if (x == Double.NEGATIVE_INFINITY) {
      return y;
    }
    if (y == Double.NEGATIVE_INFINITY) {
      return x;
    }
    double most = Math.max(x, y);
    return most + Math.log(Math.exp(x - most) + Math.exp(y - most));
  }

  /**
   * What a part weighs.
   *
   * @param lse the lse of the part
   * @param joint the joint lse
   * @return its share of the probability; 0 if it saw nothing, and above 0 otherwise, so that a NaN
   *     or an infinity that it saw comes through
   */
  public static double weight(double lse, double joint) {
    return lse == Double.NEGATIVE_INFINITY ? 0 : Math.max(Math.exp(lse - joint), Double.MIN_VALUE);
  }

  /**
   * One column of the joint output.
   *
   * @param weightA what one part weighs
   * @param a its output; not looked at if it saw nothing
   * @param weightB what the other weighs
   * @param b its output
   * @return their weighted sum
   */
  public static double out(double weightA, double a, double weightB, double b) {
    return (weightA == 0 ? 0 : weightA * a) + (weightB == 0 ? 0 : weightB * b);
  }

  /**
   * The joint sum of exponentials, under the larger of two maxima.
   *
   * @param maxA the largest score of one part, negative infinity if it saw nothing
   * @param sumA its sum under that maximum
   * @param maxB the largest score of the other
   * @param sumB its sum
   * @return the sum under {@code max(maxA, maxB)}
   */
  public static double rowSum(double maxA, double sumA, double maxB, double sumB) {
    double larger = Math.max(maxA, maxB);
    return share(maxA, larger) * sumA + share(maxB, larger) * sumB;
  }

  /** What a sum under one maximum is worth under a larger one. */
  private static double share(double max, double larger) {
    return max == Double.NEGATIVE_INFINITY ? 0 : Math.exp(max - larger);
  }
}
