package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** float16 and bfloat16: exact widening, and one rounding from float64, to nearest even. */
final class SixteenBitsTest {
  private static double round(double value, DType dtype) {
    Tensor one = Tensor.zeros(dtype, 1);
    one.set(value, 0);
    return one.get(0);
  }

  /** Every one of the 65536 numbers survives reading and writing. */
  @Test
  void everyNumberSurvivesARoundTrip() {
    for (DType dtype : new DType[] {DType.FLOAT16, DType.BFLOAT16}) {
      short[] all = new short[1 << 16];
      for (int bits = 0; bits < all.length; bits++) {
        all[bits] = (short) bits;
      }
      short[] back = new short[1 << 16];
      Tensor.of(back, dtype, 1 << 16).assign(Tensor.of(all, dtype, 1 << 16).to(DType.FLOAT32));
      Tensor numbers = Tensor.of(all, dtype, 1 << 16);
      for (int bits = 0; bits < all.length; bits++) {
        if (Double.isNaN(numbers.get(bits))) {
          assertThat(Tensor.of(back, dtype, 1 << 16).get(bits)).isNaN();
        } else {
          assertThat(back[bits]).isEqualTo((short) bits);
        }
      }
    }
  }

  /** NaN, overflow, signed zero, subnormals. */
  @Test
  void specialNumbersKeepTheirNature() {
    for (DType dtype : new DType[] {DType.FLOAT16, DType.BFLOAT16}) {
      assertThat(round(Double.NaN, dtype)).isNaN();
      assertThat(round(Double.POSITIVE_INFINITY, dtype)).isEqualTo(Double.POSITIVE_INFINITY);
      assertThat(round(-1e300, dtype)).isEqualTo(Double.NEGATIVE_INFINITY);
      assertThat(round(Double.MIN_VALUE, dtype)).isZero();
      assertThat(1 / round(-Double.MIN_VALUE, dtype)).isEqualTo(Double.NEGATIVE_INFINITY);
    }
    assertThat(round(65504, DType.FLOAT16)).isEqualTo(65504);
    assertThat(round(65519.99, DType.FLOAT16)).isEqualTo(65504);
    assertThat(round(65520, DType.FLOAT16)).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(round(0x1p-24, DType.FLOAT16)).isEqualTo(0x1p-24);
    assertThat(round(0x1p-25, DType.FLOAT16)).isZero();
    assertThat(round(0x1.000001p-25, DType.FLOAT16)).isEqualTo(0x1p-24);
    // A NaN whose upper bits are all payload must not become an infinity.
    assertThat(DType.bfloat16ToFloat(DType.floatToBfloat16(Float.intBitsToFloat(0x7f800001))))
        .isNaN();
    assertThat(DType.bfloat16ToFloat(DType.floatToBfloat16(Float.intBitsToFloat(0xffffffff))))
        .isNaN();
    assertThat(DType.bfloat16ToFloat(DType.floatToBfloat16(Float.MAX_VALUE)))
        .isEqualTo(Float.POSITIVE_INFINITY);
  }

  /**
   * A double just above or below the middle between two 16-bit numbers: rounding to float32 first
   * would land on the tie and then go to even, the wrong way.
   */
  @Test
  void doublesAreRoundedOnce() {
    assertThat(round(1 + 0x1p-8 + 0x1p-40, DType.BFLOAT16)).isEqualTo(1 + 0x1p-7);
    assertThat(round(1 + 0x1p-8, DType.BFLOAT16)).isEqualTo(1);
    assertThat(round(1 + 3 * 0x1p-8 - 0x1p-40, DType.BFLOAT16)).isEqualTo(1 + 0x1p-7);
    assertThat(round(1 + 3 * 0x1p-8, DType.BFLOAT16)).isEqualTo(1 + 0x1p-6);
    assertThat(round(1 + 0x1p-11 + 0x1p-40, DType.FLOAT16)).isEqualTo(1 + 0x1p-10);
    assertThat(round(1 + 0x1p-11, DType.FLOAT16)).isEqualTo(1);
    assertThat(round(-(1 + 3 * 0x1p-11 - 0x1p-40), DType.FLOAT16)).isEqualTo(-(1 + 0x1p-10));
  }

  /** Random numbers, most of them near a middle, go to the nearer neighbour; a tie goes to even. */
  @Test
  void randomNumbersGoToTheNearest() {
    SplittableRandom random = new SplittableRandom(5);
    for (DType dtype : new DType[] {DType.FLOAT16, DType.BFLOAT16}) {
      for (int n = 0; n < 20_000; n++) {
        int bits = random.nextInt(dtype == DType.FLOAT16 ? 0x7bff : 0x7f7f);
        double low = number(dtype, bits);
        double high = number(dtype, bits + 1);
        double middle = low + (high - low) / 2;
        double value =
            switch (n % 4) {
              case 0 -> middle;
              case 1 -> Math.nextUp(middle);
              case 2 -> Math.nextDown(middle);
              default -> low + random.nextDouble() * (high - low);
            };
        BigDecimal toLow = new BigDecimal(value).subtract(new BigDecimal(low));
        BigDecimal toHigh = new BigDecimal(high).subtract(new BigDecimal(value));
        int nearer = toLow.compareTo(toHigh);
        boolean down = nearer < 0 || (nearer == 0 && (bits & 1) == 0);
        assertThat(round(value, dtype)).as("%s %s", dtype, value).isEqualTo(down ? low : high);
        assertThat(round(-value, dtype)).isEqualTo(down ? -low : -high);
      }
    }
  }

  private static double number(DType dtype, int bits) {
    return Tensor.of(new short[] {(short) bits}, dtype, 1).get(0);
  }
}
