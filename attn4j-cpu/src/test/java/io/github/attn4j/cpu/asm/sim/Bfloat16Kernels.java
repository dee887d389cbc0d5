package io.github.attn4j.cpu.asm.sim;

import static java.lang.Float.floatToRawIntBits;
import static java.lang.Float.intBitsToFloat;

import java.util.Map;

/**
 * The instructions of AVX512_BF16, as Intel's manual defines them. They ask for no rounding mode:
 * always to nearest even, subnormal numbers are zero going in and coming out.
 */
@SuppressWarnings("OperatorPrecedence") // Bit fields put together with | and shifts.
final class Bfloat16Kernels {
  private static final int SIGN = Integer.MIN_VALUE;

  /**
   * What is below this is tiny, though it may round to the least normal number where subnormal ones
   * have less precision: half a step, at full precision, below it.
   */
  private static final double TINY = 0x1p-126 - 0x1p-151;

  private Bfloat16Kernels() {}

  static void define(Map<String, LaneOp> table) {
    table.put("vdpbf16ps", LaneOp.each(Bfloat16Kernels::dot));
    table.put(
        "vcvtneps2bf16", LaneOp.narrowing(immediate -> ConvertKernels.narrow(Bfloat16Kernels::of)));
    table.put("vcvtne2ps2bf16", new LaneOp(immediate -> Bfloat16Kernels::pack, 2, 2, 0, true));
  }

  /** Products of the odd elements are added first, then those of the even ones, rounding each. */
  private static void dot(int[] v, int to, int old, int a, int b, int words) {
    for (int i = 0; i < words; i++) {
      int high = fused(v[a + i] & 0xFFFF0000, v[b + i] & 0xFFFF0000, v[old + i]);
      v[to + i] = fused(v[a + i] << 16, v[b + i] << 16, high);
    }
  }

  /** {@code x * y + z}, rounded once. */
  static int fused(int x, int y, int z) {
    float a = intBitsToFloat(normal(x));
    float b = intBitsToFloat(normal(y));
    float c = intBitsToFloat(normal(z));
    float r = Math.fma(a, b, c);
    if (Float.isNaN(r)) {
      return FloatKernels.nan(x, y, z);
    }
    int bits = floatToRawIntBits(r);
    if (Math.abs(r) <= Float.MIN_NORMAL && Math.abs((double) a * b + c) < TINY) {
      return bits & SIGN;
    }
    return bits;
  }

  /** A subnormal number is zero. */
  private static int normal(int bits) {
    return (bits & 0x7F800000) == 0 ? bits & SIGN : bits;
  }

  /** The low half of the result is the second source, the high half the first. */
  private static void pack(int[] v, int to, int old, int a, int b, int words) {
    for (int i = 0; i < words; i++) {
      Elements.set(v, to, 2, i, of(v[b + i]));
      Elements.set(v, to, 2, words + i, of(v[a + i]));
    }
  }

  /** The nearest bfloat16, even where two are. */
  static int of(int bits) {
    if (FloatKernels.isNan(bits)) {
      return bits >>> 16 | 0x40;
    }
    int x = normal(bits);
    return x + 0x7FFF + (x >>> 16 & 1) >>> 16;
  }
}
