package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.NullMarked;

/**
 * The tolerance rule: an error against float64 is at most twice that of the plain same-precision
 * computation, plus one rounding of the result and of the terms it is the sum of.
 */
@NullMarked
final class NpuTolerance {
  private NpuTolerance() {}

  static double round(double number, DType dtype) {
    return switch (dtype) {
      case FLOAT16 -> Float.float16ToFloat(Float.floatToFloat16((float) number));
      case BFLOAT16 -> DType.bfloat16ToFloat(DType.floatToBfloat16((float) number));
      default -> (float) number;
    };
  }

  static double ulp(double number, DType dtype) {
    float size = (float) Math.abs(number);
    return switch (dtype) {
      case FLOAT16 -> Math.max(0x1p-24, Math.ulp(size) * 0x1p13);
      case BFLOAT16 -> Math.ulp(size) * 0x1p16;
      default -> Math.ulp(size);
    };
  }

  static void check(
      String what, Tensor got, NpuOracle.Values exact, NpuOracle.Values plain, DType dtype) {
    assertThat(got.dtype()).as(what).isEqualTo(dtype);
    double[] numbers = Oracle.doubles(got);
    assertThat(numbers).as(what).hasSameSizeAs(exact.numbers());
    double error = 0;
    double largest = 0;
    double terms = 0;
    for (int at = 0; at < numbers.length; at++) {
      double expected = exact.numbers()[at];
      // FLT_MAX stands for rows that see nothing and is met exactly.
      if (Math.abs(expected) < Float.MAX_VALUE) {
        error = Math.max(error, Math.abs(plain.numbers()[at] - expected));
        largest = Math.max(largest, Math.abs(expected));
        terms = Math.max(terms, exact.terms()[at]);
      }
    }
    double bound = 2 * error + ulp(largest + 0.3, dtype) + Math.ulp(1f) * terms;
    for (int at = 0; at < numbers.length; at++) {
      double expected = exact.numbers()[at];
      boolean fits =
          numbers[at] == expected
              || (Math.abs(expected) < Float.MAX_VALUE
                  && Math.abs(numbers[at] - expected) <= bound);
      if (!fits) {
        throw new AssertionError(
            "%s: element %d of %s is %s, expected %s within %.3g"
                .formatted(what, at, got, numbers[at], expected, bound));
      }
    }
  }
}
