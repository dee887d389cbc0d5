package io.github.attn4j.cpu.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The exponential is good to float32's last digits and exact where the softmax relies on it. */
@Tag("contract")
final class ExpTest {
  private static float exp(float x) {
    float[] lanes = new float[Vectors.COUNT];
    Exp.of(FloatVector.broadcast(Vectors.FLOATS, x)).intoArray(lanes, 0);
    return lanes[Vectors.COUNT - 1];
  }

  /**
   * Two units in the last place near zero, where probabilities count; the error of log2(e) as a
   * float, 1.3e-8 of the argument, comes on top further down.
   */
  @Test
  void errorStaysWithinTwoUnitsAndTheConstants() {
    double worst = 0;
    for (float x = -87f; x <= 1f; x += 1f / 1024) {
      double exact = Math.exp(x);
      double error = Math.abs(exp(x) - exact) / exact;
      worst = Math.max(worst, error - 1.4e-8 * Math.abs(x));
    }
    assertThat(worst).isLessThan(2 * 0x1p-23);
  }

  /** A masked score must weigh nothing at all, a row's largest score exactly one, NaN must stay. */
  @Test
  void endsAreExact() {
    assertThat(exp(0f)).isEqualTo(1f);
    assertThat(exp(-0f)).isEqualTo(1f);
    assertThat(exp(Float.NEGATIVE_INFINITY)).isEqualTo(0f);
    for (float x : new float[] {-88.1f, -89f, -1e3f, -1e10f, -Float.MAX_VALUE}) {
      assertThat(exp(x)).as("exp(%s)", x).isEqualTo(0f);
    }
    for (int bits : new int[] {0x7fc00000, 0xffc00000, 0x7fffffff, 0x7f800001}) {
      assertThat(exp(Float.intBitsToFloat(bits))).as("NaN %x", bits).isNaN();
    }
  }
}
