package io.github.attn4j.cpu.asm.sim;

import static java.lang.Float.floatToRawIntBits;
import static java.lang.Float.intBitsToFloat;

import java.util.Map;
import java.util.function.IntUnaryOperator;

/** From one type of number to another. */
@SuppressWarnings("OperatorPrecedence") // Bit fields put together with | and shifts.
final class ConvertKernels {
  private ConvertKernels() {}

  static void define(Map<String, LaneOp> table) {
    table.put("vcvtdq2ps", widening(4, true, x -> floatToRawIntBits((float) x)));
    table.put("vcvtps2dq", widening(4, true, ConvertKernels::toInt));
    table.put("vcvtph2ps", widening(2, false, ConvertKernels::fromHalf));
    table.put("vpmovsxbd", widening(1, true, x -> x));
    table.put("vpmovzxbd", widening(1, false, x -> x));
    table.put("vpmovsxwd", widening(2, true, x -> x));
    table.put("vpmovzxwd", widening(2, false, x -> x));
    table.put("vpackusdw", LaneOp.moving(2, immediate -> ConvertKernels::pack));
    table.put("vpmovdw", LaneOp.narrowing(immediate -> narrow(x -> x)));
    table.put("vcvtps2ph", LaneOp.narrowing(ConvertKernels::toHalf));
  }

  /** The low elements of a register, each to a lane of 32 bits. */
  private static LaneOp widening(int bytes, boolean signed, IntUnaryOperator conversion) {
    int unused = 32 - 8 * bytes;
    return LaneOp.each((v, to, old, a, b, words) -> {
      for (int i = 0; i < words; i++) {
        int x = (int) Elements.get(v, a, bytes, i) << unused;
        v[to + i] = conversion.applyAsInt(signed ? x >> unused : x >>> unused);
      }
    });
  }

  /** Each lane of 32 bits to one of 16; what the result does not fill is zero. */
  static Kernel narrow(IntUnaryOperator conversion) {
    return (v, to, old, a, b, words) -> {
      for (int i = 0; i < words; i++) {
        Elements.set(v, to, 2, i, conversion.applyAsInt(v[a + i]));
      }
    };
  }

  /** Each part of 128 bits takes four of either source, at the ends of the range where beyond. */
  private static void pack(int[] v, int to, int old, int a, int b, int words) {
    for (int i = 0; i < 2 * words; i++) {
      int from = (i & 4) == 0 ? a : b;
      Elements.set(v, to, 2, i, Math.clamp(v[from + i / 8 * 4 + (i & 3)], 0, 0xFFFF));
    }
  }

  /** To nearest; what no int can hold becomes the least one. */
  private static int toInt(int bits) {
    double rounded = Math.rint(intBitsToFloat(bits));
    return rounded >= -0x1p31 && rounded < 0x1p31 ? (int) rounded : Integer.MIN_VALUE;
  }

  private static int fromHalf(int half) {
    boolean nan = (half & 0x7FFF) > 0x7C00;
    return nan
        ? half << 16 & 0x80000000 | 0x7FC00000 | (half & 0x3FF) << 13
        : floatToRawIntBits(Float.float16ToFloat((short) half));
  }

  private static Kernel toHalf(int immediate) {
    int mode = (immediate & 4) != 0 ? 0 : immediate & 3;
    return narrow(bits -> toHalf(bits, mode));
  }

  /** Rounds to nearest, down, up or towards zero. */
  private static int toHalf(int bits, int mode) {
    if (FloatKernels.isNan(bits)) {
      return bits >>> 16 & 0x8000 | 0x7E00 | bits >>> 13 & 0x3FF;
    }
    float x = intBitsToFloat(bits);
    int half = Float.floatToFloat16(x) & 0xFFFF;
    float back = Float.float16ToFloat((short) half);
    boolean tooLow = back < x && (mode == 2 || mode == 3 && x < 0);
    boolean tooHigh = back > x && (mode == 1 || mode == 3 && x > 0);
    // The next number away from zero has the next bits.
    boolean negative = half >= 0x8000;
    return tooLow ? half + (negative ? -1 : 1) : tooHigh ? half + (negative ? 1 : -1) : half;
  }
}
