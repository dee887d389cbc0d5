package io.github.attn4j.bench.peer;

import java.util.Arrays;

/** What peers do with arrays outside what is timed. */
public final class Floats {
  private Floats() {}

  /** The arrays one behind the other. */
  static float[] joined(float[]... parts) {
    float[] whole = new float[Arrays.stream(parts).mapToInt(part -> part.length).sum()];
    int at = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, whole, at, part.length);
      at += part.length;
    }
    return whole;
  }

  /**
   * Swaps the two dimensions in the middle: (outer, a, b, columns) becomes (outer, b, a, columns).
   */
  static float[] swapped(float[] values, int outer, int a, int b, int columns) {
    float[] swapped = new float[values.length];
    for (int o = 0; o < outer; o++) {
      for (int i = 0; i < a; i++) {
        for (int j = 0; j < b; j++) {
          int from = ((o * a + i) * b + j) * columns;
          int to = ((o * b + j) * a + i) * columns;
          System.arraycopy(values, from, swapped, to, columns);
        }
      }
    }
    return swapped;
  }

  /**
   * The largest absolute difference.
   *
   * @throws IllegalArgumentException if the lengths differ
   */
  public static double maxDifference(float[] expected, float[] actual) {
    if (expected.length != actual.length) {
      throw new IllegalArgumentException(
          "actual: expected %d elements, got %d".formatted(expected.length, actual.length));
    }
    double worst = 0;
    for (int n = 0; n < expected.length; n++) {
      double difference = Math.abs((double) expected[n] - actual[n]);
      // Written so that a NaN counts.
      worst = difference <= worst ? worst : difference;
    }
    return worst;
  }
}
