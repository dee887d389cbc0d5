package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;

import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/** The one rounding that the core does not have: to float16, halves away from zero. */
@NullMarked
class IncreOutputTest {
  /** Every float16 and the halves behind it, where the two ways of rounding part. */
  @Test
  void halvesGoAwayFromZero() {
    for (int bits = 0; bits < 0x7bff; bits++) {
      float here = Float.float16ToFloat((short) bits);
      float half = (here + Float.float16ToFloat((short) (bits + 1))) / 2;
      assertThat(IncreOutput.toFloat16(here)).isEqualTo((short) bits);
      assertThat(IncreOutput.toFloat16(half)).isEqualTo((short) (bits + 1));
      assertThat(IncreOutput.toFloat16(-half)).isEqualTo((short) (bits + 1 | 0x8000));
      assertThat(IncreOutput.toFloat16(Math.nextDown(half))).isEqualTo((short) bits);
      assertThat(IncreOutput.toFloat16(Math.nextUp(half))).isEqualTo((short) (bits + 1));
    }
  }

  @Test
  void whatFloat16CannotHoldStaysWhatItIs() {
    assertThat(Float.float16ToFloat(IncreOutput.toFloat16(Float.NaN))).isNaN();
    assertThat(Float.float16ToFloat(IncreOutput.toFloat16(70000))).isPositive().isInfinite();
    assertThat(Float.float16ToFloat(IncreOutput.toFloat16(-1e30f))).isNegative().isInfinite();
    assertThat(Float.float16ToFloat(IncreOutput.toFloat16(65519))).isEqualTo(65504);
    assertThat(Float.float16ToFloat(IncreOutput.toFloat16(65520))).isInfinite();
  }
}
