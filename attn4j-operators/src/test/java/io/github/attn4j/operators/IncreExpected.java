package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Objects;
import org.jspecify.annotations.NullMarked;

/**
 * Compares a result with the oracle. An element may be what rounding makes of any number within
 * float32's error of the true one, and nothing else: the rounding itself is exact.
 */
@NullMarked
final class IncreExpected {
  /**
   * Units of float32 per term: one for the sums of products, one for the exponential, and as many
   * for the cache's integers and the merging of parts.
   */
  private static final double UNITS = 4 * 0x1p-23;

  private IncreExpected() {}

  static void check(IncreCase c, IncreFlashAttention.Result got) {
    IncreOracle oracle = new IncreOracle(c);
    DType dtype = c.quantScale == null ? c.query.dtype() : DType.INT8;
    assertThat(got.attentionOut().dtype()).as("dtype").isEqualTo(dtype);
    assertThat(got.attentionOut().shape()).as("shape").isEqualTo(c.query.shape());
    Tensor lse = Objects.requireNonNull(got.softmaxLse());
    assertThat(lse.shape()).as("shape of lse").containsExactly(c.batch, c.heads, c.seqlenQ);
    for (int b = 0; b < c.batch; b++) {
      for (int n = 0; n < c.heads; n++) {
        for (int i = 0; i < c.seqlenQ; i++) {
          int row = (b * c.heads + n) * c.seqlenQ + i;
          between(
              "softmax_lse[%d, %d, %d]".formatted(b, n, i),
              lse.get(b, n, i),
              (float) (oracle.lse[row] - UNITS * oracle.lseTerms[row]),
              (float) (oracle.lse[row] + UNITS * oracle.lseTerms[row]));
          for (int d = 0; d < c.headDim; d++) {
            int at = row * c.headDim + d;
            double element = IncreOracle.at(c, got.attentionOut(), c.headDim, b, n, i, d);
            element(
                c, element, oracle.out[at], UNITS * oracle.outTerms[at], new int[] {b, n, i, d});
          }
        }
      }
    }
  }

  private static void element(IncreCase c, double got, double out, double error, int[] at) {
    double low = out - error;
    double high = out + error;
    DType dtype = c.query.dtype();
    if (c.quantScale != null) {
      double scale = IncreOracle.channel(c, c.quantScale, at[1], at[3]);
      double offset = IncreOracle.channel(c, c.quantOffset, at[1], at[3]);
      double wide = error * Math.abs(scale) + 0x1p-23 * (Math.abs(out * scale) + Math.abs(offset));
      low = int8(out * scale + offset - wide);
      high = int8(out * scale + offset + wide);
    } else if (dtype == DType.FLOAT16) {
      low = float16(low);
      high = float16(high);
    } else {
      low = dtype == DType.FLOAT32 ? (float) low : bfloat16(low);
      high = dtype == DType.FLOAT32 ? (float) high : bfloat16(high);
    }
    between("attention_out [b, n, i, d] = " + java.util.Arrays.toString(at), got, low, high);
  }

  /** NaN is never between. */
  private static void between(String what, double got, double low, double high) {
    assertThat(got >= low && got <= high)
        .as("%s is %s, expected from %s to %s", what, got, low, high)
        .isTrue();
  }

  private static double bfloat16(double value) {
    return DType.bfloat16ToFloat(DType.floatToBfloat16((float) value));
  }

  /** Round half away from zero to eleven significant bits, by decimals instead of bits. */
  static double float16(double value) {
    if (value == 0) {
      return 0;
    }
    int exponent = Math.max(Math.getExponent(value), -14);
    double unit = Math.scalb(1.0, exponent - 10);
    double rounded = halfAway(value / unit) * unit;
    return Math.abs(rounded) >= 65536 ? Math.copySign(Double.POSITIVE_INFINITY, value) : rounded;
  }

  private static double halfAway(double value) {
    return new BigDecimal(value, MathContext.UNLIMITED)
        .setScale(0, RoundingMode.HALF_UP)
        .doubleValue();
  }

  private static double int8(double value) {
    double half = float16(value);
    return Double.isInfinite(half)
        ? Math.copySign(127.5, half) - 0.5
        : Math.clamp(halfAway(half), -128, 127);
  }
}
