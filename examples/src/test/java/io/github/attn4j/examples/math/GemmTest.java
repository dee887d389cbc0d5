package io.github.attn4j.examples.math;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against float64, at sizes that leave every kind of rest, for each way an operand may lie. */
class GemmTest {
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "5, 3, 7",
    "6, 16, 8",
    "7, 17, 257",
    "13, 33, 1",
    "97, 101, 300",
    "193, 50, 513",
    "200, 384, 64",
    "0, 4, 3",
    "4, 0, 3",
    "3, 5, 0"
  })
  void equalsFloat64(int m, int n, int k) {
    float[] a = uniform(1, m * k);
    float[] b = uniform(2, k * n);
    float[] before = uniform(3, m * n);
    try (Workers workers = new Workers(3)) {
      for (int form = 0; form < 8; form++) {
        boolean transposeA = (form & 1) != 0;
        boolean transposeB = (form & 2) != 0;
        boolean accumulate = (form & 4) != 0;
        float[] c = before.clone();
        Gemm.multiply(transposeA, transposeB, m, n, k, a, b, c, accumulate, workers);
        for (int i = 0; i < m; i++) {
          for (int j = 0; j < n; j++) {
            double sum = accumulate ? before[i * n + j] : 0;
            double size = Math.abs(sum);
            for (int d = 0; d < k; d++) {
              double left = transposeA ? a[d * m + i] : a[i * k + d];
              double term = left * (transposeB ? b[j * k + d] : b[d * n + j]);
              sum += term;
              size += Math.abs(term);
            }
            // Each of k additions rounds a partial sum no larger than size.
            double allowed = (k + 1) * 0x1p-24 * size;
            assertThat((double) c[i * n + j])
                .as("form %d, element %d, %d", form, i, j)
                .isBetween(sum - allowed, sum + allowed);
          }
        }
      }
    }
  }

  @Test
  void bitsDependNeitherOnThreadsNorOnOtherRows() {
    int m = 211;
    int n = 75;
    int k = 700;
    float[] a = uniform(1, m * k);
    float[] b = uniform(2, k * n);
    float[] one = new float[m * n];
    float[] four = new float[m * n];
    float[] last = new float[n];
    try (Workers alone = new Workers(1);
        Workers workers = new Workers(4)) {
      Gemm.multiply(false, false, m, n, k, a, b, one, false, alone);
      Gemm.multiply(false, false, m, n, k, a, b, four, false, workers);
      float[] row = Arrays.copyOfRange(a, (m - 1) * k, m * k);
      Gemm.multiply(false, false, 1, n, k, row, b, last, false, workers);
    }
    assertThat(four).isEqualTo(one);
    assertThat(last).isEqualTo(Arrays.copyOfRange(one, (m - 1) * n, m * n));
  }

  @Test
  void linearAddsTheBiasAndFinishesEveryElementOnce() {
    float[] x = {1, 2, 3, 4, 5, 6};
    float[] w = {1, 0, 2, 0, 1, 3};
    float[] y = new float[9];
    try (Workers workers = new Workers(2)) {
      PackedMatrix packed = PackedMatrix.of(false, 2, 3, w, workers);
      Gemm.linear(3, x, packed, new float[] {10, 20, 30}, y, GemmTest::negate, workers);
    }
    assertThat(y).containsExactly(-11, -22, -38, -13, -24, -48, -15, -26, -58);
  }

  private static void negate(float[] c, int from, int to) {
    for (int n = from; n < to; n++) {
      c[n] = -c[n];
    }
  }

  @Test
  void aShortArrayIsNamed() {
    try (Workers workers = new Workers(1)) {
      float[] six = new float[6];
      assertThatThrownBy(
              () -> Gemm.multiply(false, false, 2, 2, 3, six, six, new float[3], false, workers))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("c: expected 2 x 2 = 4 numbers, got 3");
      assertThatThrownBy(() -> Gemm.multiply(false, true, 2, 3, 3, six, six, six, false, workers))
          .hasMessage("b: expected 3 x 3 = 9 numbers, got 6");
    }
  }

  @Test
  void aFailedTaskFailsTheLoopAndTheOthersRun() {
    int[] ran = new int[20];
    try (Workers workers = new Workers(3)) {
      assertThatThrownBy(() ->
              workers.forEach(
                  20,
                  task -> {
                    ran[task]++;
                    if (task == 7) {
                      throw new IllegalStateException("seven");
                    }
                  }))
          .hasMessage("seven");
    }
    assertThat(ran).containsOnly(1);
  }

  /** In a helper too, where nobody else would notice that a part of the result is missing. */
  @Test
  void anErrorOfAHelperFailsTheLoop() {
    Thread caller = Thread.currentThread();
    CountDownLatch helped = new CountDownLatch(1);
    try (Workers workers = new Workers(2)) {
      assertThatThrownBy(() ->
              workers.forEach(
                  2,
                  task -> {
                    if (!Thread.currentThread().equals(caller)) {
                      helped.countDown();
                      throw new StackOverflowError("of a helper");
                    }
                    await(helped);
                  }))
          .isInstanceOf(StackOverflowError.class)
          .hasMessage("of a helper");
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static float[] uniform(long seed, int count) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[count];
    for (int n = 0; n < count; n++) {
      values[n] = (float) random.nextDouble() - 0.5f;
    }
    return values;
  }
}
