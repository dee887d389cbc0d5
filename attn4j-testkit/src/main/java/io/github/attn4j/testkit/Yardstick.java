package io.github.attn4j.testkit;

import io.github.attn4j.DType;
import java.util.Arrays;

/**
 * One result of the plain computation, and how large the terms were that it is the sum of.
 *
 * @param values the numbers
 * @param terms for each number, the sum of the magnitudes of its terms, each times one plus the
 *     magnitude of what went into its exponential: one unit of rounding of every term, to first
 *     order
 */
record Yardstick(double[] values, double[] terms) {
  static Yardstick zeros(int elements) {
    return new Yardstick(new double[elements], new double[elements]);
  }

  static Yardstick filled(int elements, double value) {
    Yardstick yardstick = zeros(elements);
    Arrays.fill(yardstick.values, value);
    return yardstick;
  }

  /** Adds in float32, as a plain computation would. */
  void add(int at, float value, double size) {
    values[at] = (float) values[at] + value;
    terms[at] += size;
  }

  void set(int at, double value, double size) {
    values[at] = value;
    terms[at] = size;
  }

  void round(DType dtype) {
    for (int at = 0; at < values.length; at++) {
      values[at] = Tolerance.round(values[at], dtype);
    }
  }

  double largestTerms() {
    return Arrays.stream(terms).max().orElse(0);
  }
}
