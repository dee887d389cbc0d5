package io.github.attn4j.examples.minilm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Against an integral of the density in float64, through all vectors and the rest behind them. */
class GeluTest {
  private static final double STEP = 1e-3;

  @Test
  void equalsTheIntegral() {
    float[] x = new float[20_001];
    for (int n = 0; n < x.length; n++) {
      x[n] = (float) ((n - 10_000) * STEP);
    }
    float[] y = x.clone();
    Gelu.apply(y, 0, y.length);
    double below = 0;
    for (int n = 0; n < x.length; n++) {
      if (n > 0) {
        // Simpson's rule; what lies below -10 is less than 1e-22.
        double middle = density((x[n - 1] + x[n]) / 2);
        below += STEP / 6 * (density(x[n - 1]) + 4 * middle + density(x[n]));
      }
      double expected = x[n] * below;
      assertThat((double) y[n]).as("gelu(%s)", x[n]).isBetween(expected - 1e-6, expected + 1e-6);
    }
  }

  private static double density(double x) {
    return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  @Test
  void changesItsRangeOnlyAndAnElementAlike() {
    float[] y = new float[50];
    Arrays.fill(y, -0.7f);
    Gelu.apply(y, 3, 40);
    assertThat(Arrays.copyOfRange(y, 0, 3)).containsOnly(-0.7f);
    assertThat(Arrays.copyOfRange(y, 40, 50)).containsOnly(-0.7f);
    assertThat(Arrays.copyOfRange(y, 3, 40)).containsOnly(y[3]).doesNotContain(-0.7f);
  }

  @Test
  void farOutItIsTheIdentityOrNothing() {
    float[] y = {100, -100, 1e18f, -1e18f, 0};
    Gelu.apply(y, 0, y.length);
    assertThat(y[0]).isEqualTo(100);
    assertThat(y[1]).isBetween(-1e-30f, 0f);
    assertThat(y[2]).isEqualTo(1e18f);
    assertThat(y[3]).isBetween(-1e-15f, 0f);
    assertThat(y[4]).isZero();
  }
}
