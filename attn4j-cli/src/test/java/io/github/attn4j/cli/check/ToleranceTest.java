package io.github.attn4j.cli.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import org.junit.jupiter.api.Test;

class ToleranceTest {
  private static final double[] TRUTH = {1, 2, Double.NEGATIVE_INFINITY};

  @Test
  void equalValuesHold() {
    assertThat(Tolerance.of(TRUTH.clone(), TRUTH, 0).holds()).isTrue();
  }

  @Test
  void noNumberHolds() {
    assertThat(
            Tolerance.of(new double[] {1, Double.NaN, Double.NEGATIVE_INFINITY}, TRUTH, 9).holds())
        .isFalse();
    // Also when later values are fine, and when the bound itself is none.
    assertThat(
            Tolerance.of(new double[] {Double.NaN, 2, Double.NEGATIVE_INFINITY}, TRUTH, 9).holds())
        .isFalse();
    assertThat(Tolerance.of(TRUTH.clone(), TRUTH, Double.NaN).holds()).isFalse();
    assertThat(Tolerance.of(new double[] {1, 2, 0}, TRUTH, 9).holds()).isFalse();
  }

  @Test
  void theBoundIsTwiceThePlainErrorAndNoise() {
    double[] truth = {1, 2};
    double bound = Tolerance.bound(new double[] {1.25, 2}, truth, DType.FLOAT32);
    assertThat(bound).isBetween(0.5, 0.5 + 1e-6);
    assertThat(Tolerance.noise(truth, DType.BFLOAT16)).isBetween(0x1p-9, 0x1p-5);
  }
}
