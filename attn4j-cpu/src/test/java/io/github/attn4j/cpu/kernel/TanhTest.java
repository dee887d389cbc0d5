package io.github.attn4j.cpu.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The softcap's tangent is good to float32's last digits and the same however warm the code is. */
@Tag("contract")
final class TanhTest {
  private static float[] tanh(float[] x) {
    float[] to = new float[x.length];
    for (int at = 0; at < x.length; at += Vectors.COUNT) {
      Tanh.of(FloatVector.fromArray(Vectors.FLOATS, x, at)).intoArray(to, at);
    }
    return to;
  }

  private static float tanh(float x) {
    float[] lanes = new float[Vectors.COUNT];
    Arrays.fill(lanes, x);
    return tanh(lanes)[Vectors.COUNT - 1];
  }

  private static float[] range() {
    float[] x = new float[20 * 4096];
    for (int at = 0; at < x.length; at++) {
      x[at] = (at - x.length / 2) / 4096f;
    }
    return x;
  }

  @Test
  void errorStaysWithinTwoUnits() {
    float[] x = range();
    float[] got = tanh(x);
    double worst = 0;
    for (int at = 0; at < x.length; at++) {
      double exact = Math.tanh(x[at]);
      double error = exact == 0 ? Math.abs(got[at]) : Math.abs(got[at] / exact - 1);
      worst = Math.max(worst, error);
    }
    assertThat(worst).isLessThan(2 * 0x1p-23);
  }

  /** The same bits from the interpreter (the first run) and from compiled code (the last ones). */
  @Test
  void bitsDoNotDependOnTheCompiler() {
    float[] x = range();
    float[] first = tanh(Arrays.copyOf(x, 2 * Vectors.COUNT));
    float[] warm = tanh(x);
    for (int round = 0; round < 20; round++) {
      warm = tanh(x);
    }
    assertThat(Arrays.copyOf(warm, first.length)).isEqualTo(first);
    for (int at = 0; at < x.length; at++) {
      assertThat(Float.floatToRawIntBits(warm[at]))
          .as("tanh(%s)", x[at])
          .isEqualTo(Float.floatToRawIntBits(byHand(x[at])));
    }
  }

  /** The same operations, one scalar at a time: each is exact or rounded once, by IEEE 754. */
  private static float byHand(float x) {
    float magnitude = Math.abs(x);
    if (magnitude < 0.625f) {
      float x2 = x * x;
      float p = -0x1.75e1ccp-8f;
      for (float c :
          new float[] {0x1.52269cp-6f, -0x1.b83c5ap-5f, 0x1.110726p-3f, -0x1.555532p-2f}) {
        p = Math.fma(p, x2, c);
      }
      return Math.fma(p * x2, x, x);
    }
    float[] lanes = new float[Vectors.COUNT];
    Exp.of(FloatVector.broadcast(Vectors.FLOATS, magnitude * -2f)).intoArray(lanes, 0);
    float large = 1f - (lanes[0] + lanes[0]) / (lanes[0] + 1f);
    return x < 0 ? -large : large;
  }

  /** Zero stays, the ends saturate, NaN stays. */
  @Test
  void endsAreExact() {
    assertThat(tanh(0f)).isEqualTo(0f);
    assertThat(tanh(-0f)).isEqualTo(0f);
    assertThat(tanh(Float.MIN_VALUE)).isEqualTo(Float.MIN_VALUE);
    assertThat(tanh(Float.POSITIVE_INFINITY)).isEqualTo(1f);
    assertThat(tanh(-1e30f)).isEqualTo(-1f);
    assertThat(tanh(Float.NEGATIVE_INFINITY)).isEqualTo(-1f);
    assertThat(tanh(Float.NaN)).isNaN();
  }
}
