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
    double bound = Tolerance.bound(new double[] {1.25, 2}, 0, truth, DType.FLOAT32);
    assertThat(bound).isBetween(0.5, 0.5 + 1e-6);
    assertThat(Tolerance.noise(truth, DType.BFLOAT16)).isEqualTo(0x1p-6);
    assertThat(Tolerance.noise(truth, DType.FLOAT16)).isEqualTo(0x1p-9);
    assertThat(Tolerance.noise(new double[0], DType.FLOAT32)).isEqualTo(Math.ulp(0.3f));
  }

  @Test
  void noNumberAgreesWithNoNumber() {
    double[] truth = {1, Double.NaN};
    assertThat(Tolerance.of(truth.clone(), truth, 0).holds()).isTrue();
    assertThat(Tolerance.of(new double[] {1, 5}, truth, 9).holds()).isFalse();
  }

  @Test
  void sumsThatCancelKeepTheRoundingOfTheirTerms() {
    double[] zero = {0};
    assertThat(Tolerance.bound(zero, 0, zero, DType.FLOAT32)).isLessThan(1e-7);
    assertThat(Tolerance.bound(zero, 1000, zero, DType.FLOAT32)).isBetween(1e-4, 2e-4);
  }

  @Test
  void valuesThatAreNoNumbersDoNotWidenTheBound() {
    double[] plain = {1, 7, Double.NaN};
    assertThat(Tolerance.bound(plain, 0, TRUTH, DType.FLOAT32)).isBetween(10.0, 10.1);
    plain[1] = 2;
    assertThat(Tolerance.bound(plain, 0, TRUTH, DType.FLOAT32)).isLessThan(1e-6);
  }
}
