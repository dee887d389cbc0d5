package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Attention;
import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.AttentionBackend;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;

/** Inputs and comparisons of the tests. */
@NullMarked
final class Tensors {
  private Tensors() {}

  /** The reference and whatever else is on the class path. */
  static Stream<String> backends() {
    return Attention.backends().stream().map(AttentionBackend::name);
  }

  /** Normal random numbers. */
  static Tensor normal(long seed, long... shape) {
    Random random = new Random(seed);
    Tensor tensor = Tensor.zeros(DType.FLOAT32, shape);
    float[] values = new float[Math.toIntExact(tensor.elements())];
    for (int n = 0; n < values.length; n++) {
      values[n] = (float) random.nextGaussian();
    }
    return Tensor.of(values, shape);
  }

  /** Random row numbers, some of them outside of [0, bound]. */
  static Tensor rows(long seed, int bound, long... shape) {
    Random random = new Random(seed);
    int count = 1;
    for (long extent : shape) {
      count *= (int) extent;
    }
    int[] values = new int[count];
    for (int n = 0; n < count; n++) {
      values[n] = random.nextInt(bound + 7) - 3;
    }
    return Tensor.of(values, shape);
  }

  static int[] ints(Tensor tensor) {
    double[] values = Oracle.doubles(tensor);
    int[] ints = new int[values.length];
    for (int n = 0; n < ints.length; n++) {
      ints[n] = (int) values[n];
    }
    return ints;
  }

  /** Every element within a tolerance; NaN never is, equal infinities are. */
  static void assertClose(String what, Tensor actual, double[] expected, double tolerance) {
    double[] got = Oracle.doubles(actual);
    assertThat(got).as(what).hasSameSizeAs(expected);
    for (int n = 0; n < got.length; n++) {
      boolean equal = got[n] == expected[n];
      assertThat(equal || Math.abs(got[n] - expected[n]) <= tolerance)
          .as(
              "%s: element %d is %s, expected %s within %s",
              what, n, got[n], expected[n], tolerance)
          .isTrue();
    }
  }
}
