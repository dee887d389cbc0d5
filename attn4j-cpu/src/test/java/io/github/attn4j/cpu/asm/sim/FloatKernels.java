package io.github.attn4j.cpu.asm.sim;

import static java.lang.Float.floatToRawIntBits;
import static java.lang.Float.intBitsToFloat;

import java.math.BigDecimal;
import java.util.Map;

/** Arithmetic on float32, rounded to nearest, with the processor's NaNs. */
final class FloatKernels {
  /** What comes of invalid operations on numbers. */
  static final int INDEFINITE = 0xFFC00000;

  private static final int SIGN = Integer.MIN_VALUE;

  private FloatKernels() {}

  private interface Operation {
    float apply(float a, float b);
  }

  static void define(Map<String, LaneOp> table) {
    table.put("vaddps", arithmetic((a, b) -> a + b));
    table.put("vsubps", arithmetic((a, b) -> a - b));
    table.put("vmulps", arithmetic((a, b) -> a * b));
    table.put("vdivps", arithmetic((a, b) -> a / b));
    // If one is NaN or both are zero it is the second, as it is.
    table.put("vmaxps", selection((a, b) -> a > b));
    table.put("vminps", selection((a, b) -> a < b));
    for (String order : new String[] {"132", "213", "231"}) {
      table.put("vfmadd" + order + "ps", fused(order, 0, 0));
      table.put("vfmsub" + order + "ps", fused(order, 0, SIGN));
      table.put("vfnmadd" + order + "ps", fused(order, SIGN, 0));
      table.put("vfnmsub" + order + "ps", fused(order, SIGN, SIGN));
    }
    table.put("vrndscaleps", LaneOp.each(immediate -> lanes(x -> roundScaled(x, immediate))));
    table.put("vroundps", LaneOp.each(immediate -> lanes(x -> roundScaled(x, immediate & 15))));
    table.put("vreduceps", LaneOp.each(immediate -> lanes(x -> reduce(x, immediate))));
    table.put("vscalefps", LaneOp.each(IntegerKernels.lanes(FloatKernels::scale)));
  }

  private interface Choice {
    boolean first(float a, float b);
  }

  private interface Unary {
    int apply(int bits);
  }

  private static Kernel lanes(Unary operation) {
    return (v, to, old, a, b, words) -> {
      for (int i = 0; i < words; i++) {
        v[to + i] = operation.apply(v[a + i]);
      }
    };
  }

  private static LaneOp arithmetic(Operation operation) {
    return LaneOp.each((v, to, old, a, b, words) -> {
      for (int i = 0; i < words; i++) {
        float r = operation.apply(intBitsToFloat(v[a + i]), intBitsToFloat(v[b + i]));
        v[to + i] = Float.isNaN(r) ? nan(v[a + i], v[b + i], 0) : floatToRawIntBits(r);
      }
    });
  }

  private static LaneOp selection(Choice choice) {
    return LaneOp.each((v, to, old, a, b, words) -> {
      for (int i = 0; i < words; i++) {
        boolean first = choice.first(intBitsToFloat(v[a + i]), intBitsToFloat(v[b + i]));
        v[to + i] = first ? v[a + i] : v[b + i];
      }
    });
  }

  /** The digits name the operands, destination 1: the first two are multiplied. */
  private static LaneOp fused(String order, int product, int addend) {
    return LaneOp.each(
        switch (order) {
          case "132" -> (v, to, old, a, b, n) -> fused(v, to, old, b, a, n, product, addend);
          case "213" -> (v, to, old, a, b, n) -> fused(v, to, a, old, b, n, product, addend);
          default -> (v, to, old, a, b, n) -> fused(v, to, a, b, old, n, product, addend);
        });
  }

  private static void fused(
      int[] v, int to, int x, int y, int z, int words, int product, int addend) {
    boolean invalid = false;
    for (int i = 0; i < words; i++) {
      float r =
          Math.fma(
              intBitsToFloat(v[x + i] ^ product),
              intBitsToFloat(v[y + i]),
              intBitsToFloat(v[z + i] ^ addend));
      v[to + i] = floatToRawIntBits(r);
      invalid |= Float.isNaN(r);
    }
    for (int i = 0; invalid && i < words; i++) {
      if (isNan(v[to + i])) {
        v[to + i] = nan(v[x + i], v[y + i], v[z + i]);
      }
    }
  }

  // ---- NaN ----

  static boolean isNan(int bits) {
    return (bits & 0x7FFFFFFF) > 0x7F800000;
  }

  /** The first NaN among the operands, made quiet. */
  static int nan(int a, int b, int c) {
    int bits = isNan(a) ? a : isNan(b) ? b : isNan(c) ? c : INDEFINITE;
    return bits | 0x400000;
  }

  // ---- rounding and scaling ----

  /** Bits 4 to 7 of the immediate say how many binary places stay, the lowest two how to round. */
  private static int roundScaled(int bits, int immediate) {
    float x = intBitsToFloat(bits);
    if (isNan(bits)) {
      return nan(bits, 0, 0);
    }
    return floatToRawIntBits((float) rounded(x, immediate));
  }

  /** In double everything here is exact. */
  private static double rounded(float x, int immediate) {
    int places = immediate >> 4 & 15;
    double scaled = Math.scalb((double) x, places);
    double rounded =
        switch ((immediate & 4) != 0 ? 0 : immediate & 3) {
          case 0 -> Math.rint(scaled);
          case 1 -> Math.floor(scaled);
          case 2 -> Math.ceil(scaled);
          default -> scaled < 0 ? Math.ceil(scaled) : Math.floor(scaled);
        };
    return Math.scalb(rounded, -places);
  }

  /** What rounding takes away; where that is no float, it is rounded in the same way. */
  private static int reduce(int bits, int immediate) {
    float x = intBitsToFloat(bits);
    if (isNan(bits)) {
      return nan(bits, 0, 0);
    }
    if (Float.isInfinite(x)) {
      return 0;
    }
    BigDecimal exact = new BigDecimal(x).subtract(new BigDecimal(rounded(x, immediate)));
    int mode = (immediate & 4) != 0 ? 0 : immediate & 3;
    if (exact.signum() == 0) {
      return mode == 1 ? SIGN : 0;
    }
    return floatToRawIntBits(rounded(exact, mode));
  }

  /** To nearest, down, up or towards zero. */
  private static float rounded(BigDecimal exact, int mode) {
    float nearest = exact.floatValue();
    int above = new BigDecimal(nearest).compareTo(exact);
    boolean down = mode == 1 || (mode == 3 && nearest > 0);
    boolean up = mode == 2 || (mode == 3 && nearest < 0);
    return above > 0 && down
        ? Math.nextDown(nearest)
        : above < 0 && up ? Math.nextUp(nearest) : nearest;
  }

  /** {@code a * 2^floor(b)}. */
  private static int scale(int a, int b) {
    float x = intBitsToFloat(a);
    float y = intBitsToFloat(b);
    boolean quiet = isNan(a) && (a & 0x400000) != 0;
    if (quiet && Float.isInfinite(y)) {
      return y > 0 ? 0x7F800000 : 0;
    }
    if (isNan(a) || isNan(b)) {
      return nan(a, b, 0);
    }
    if (y > 0 ? x == 0 && Float.isInfinite(y) : Float.isInfinite(x) && Float.isInfinite(y)) {
      return INDEFINITE;
    }
    int power = (int) Math.clamp(Math.floor(y), -400, 400);
    return floatToRawIntBits((float) Math.scalb((double) x, power));
  }
}
