package io.github.attn4j.cpu.asm.sim;

import java.util.Arrays;
import java.util.Map;

/** Moves: whole registers, and elements to other places. */
@SuppressWarnings("OperatorPrecedence") // Bit fields put together with | and shifts.
final class ShuffleKernels {
  /** Words of 32 bits in a part of 128: most moves stay within one. */
  private static final int PART = 4;

  private ShuffleKernels() {}

  static void define(Map<String, LaneOp> table) {
    table.put("vmovups", LaneOp.each(ShuffleKernels::copy));
    table.put("vmovaps", LaneOp.each(ShuffleKernels::copy));
    table.put("vmovdqu8", new LaneOp(immediate -> ShuffleKernels::copy, 1, 1, 0, false));
    table.put("vmovdqu16", new LaneOp(immediate -> ShuffleKernels::copy, 2, 2, 0, false));
    table.put("vmovss", new LaneOp(immediate -> ShuffleKernels::copy, 4, 4, 1, false));
    table.put("vmovlps", new LaneOp(immediate -> ShuffleKernels::copy, 4, 4, 2, false));
    table.put("vpextrw", new LaneOp(ShuffleKernels::word, 2, 2, 1, false));
    table.put("vbroadcastss", repeat(4, 1));
    table.put("vpbroadcastd", repeat(4, 1));
    table.put("vpbroadcastq", repeat(8, 2));
    table.put("vpbroadcastw", LaneOp.moving(2, immediate -> ShuffleKernels::repeatHalf));
    table.put("vbroadcastf128", repeat(4, PART));
    table.put("vbroadcastf32x4", repeat(4, PART));

    table.put("vunpcklps", unpack(4, false));
    table.put("vunpckhps", unpack(4, true));
    table.put("vunpcklpd", unpack(8, false));
    table.put("vunpckhpd", unpack(8, true));
    table.put("vpunpcklwd", unpack(2, false));
    table.put("vpunpckhwd", unpack(2, true));
    table.put("vpunpcklbw", unpack(1, false));
    table.put("vpunpckhbw", unpack(1, true));
    table.put("vshufps", LaneOp.moving(4, ShuffleKernels::select));
    table.put("vshuff32x4", LaneOp.moving(4, ShuffleKernels::selectParts));
    table.put("vperm2f128", LaneOp.moving(4, ShuffleKernels::selectHalves));
    table.put("vpermt2ps", LaneOp.moving(4, immediate -> ShuffleKernels::permute));
    table.put("vextractf128", new LaneOp(ShuffleKernels::extract, 4, 4, PART, true));
    table.put("vextractf32x4", new LaneOp(ShuffleKernels::extract, 4, 4, PART, true));
    table.put("vinsertf128", LaneOp.moving(4, ShuffleKernels::insert));
    table.put("vinsertf32x4", LaneOp.moving(4, ShuffleKernels::insert));
    table.put("vblendmps", LaneOp.each((v, to, old, a, b, words) -> copy(v, to, old, b, a, words)));
  }

  private static void copy(int[] v, int to, int old, int a, int b, int words) {
    System.arraycopy(v, a, v, to, words);
  }

  private static Kernel word(int immediate) {
    return (v, to, old, a, b, words) -> v[to] = (int) Elements.get(v, a, 2, immediate & 7);
  }

  /** The first words of the source again and again. */
  private static LaneOp repeat(int element, int period) {
    return LaneOp.moving(
        element,
        immediate ->
            (v, to, old, a, b, words) -> {
              for (int i = 0; i < words; i++) {
                v[to + i] = v[a + (i & period - 1)];
              }
            });
  }

  private static void repeatHalf(int[] v, int to, int old, int a, int b, int words) {
    Arrays.fill(v, to, to + words, (v[a] & 0xFFFF) * 0x10001);
  }

  /** Elements of both sources in turn, of the low or the high half of each part. */
  private static LaneOp unpack(int element, boolean high) {
    int half = 8 / element;
    return LaneOp.moving(
        element,
        immediate ->
            (v, to, old, a, b, words) -> {
              for (int part = 0; part < words / PART; part++) {
                for (int e = 0; e < half; e++) {
                  int from = 2 * half * part + (high ? half : 0) + e;
                  int place = 2 * (half * part + e);
                  Elements.set(v, to, element, place, Elements.get(v, a, element, from));
                  Elements.set(v, to, element, place + 1, Elements.get(v, b, element, from));
                }
              }
            });
  }

  private static Kernel select(int immediate) {
    return (v, to, old, a, b, words) -> {
      for (int i = 0; i < words; i++) {
        int from = i / PART * PART + (immediate >> 2 * (i % PART) & 3);
        v[to + i] = v[(i % PART < 2 ? a : b) + from];
      }
    };
  }

  /** Half of the parts come of either source. */
  private static Kernel selectParts(int immediate) {
    return (v, to, old, a, b, words) -> {
      int parts = words / PART;
      int bits = parts / 2;
      for (int part = 0; part < parts; part++) {
        int from = immediate >> bits * part & parts - 1;
        System.arraycopy(v, (part < parts / 2 ? a : b) + from * PART, v, to + part * PART, PART);
      }
    };
  }

  private static Kernel selectHalves(int immediate) {
    return (v, to, old, a, b, words) -> {
      for (int half = 0; half < 2; half++) {
        int choice = immediate >> 4 * half;
        int from = ((choice & 2) == 0 ? a : b) + (choice & 1) * PART;
        for (int i = 0; i < PART; i++) {
          v[to + half * PART + i] = (choice & 8) == 0 ? v[from + i] : 0;
        }
      }
    };
  }

  /** The first source says which of the words of destination and second source. */
  private static void permute(int[] v, int to, int old, int a, int b, int words) {
    for (int i = 0; i < words; i++) {
      int index = v[a + i];
      v[to + i] = v[((index & words) == 0 ? old : b) + (index & words - 1)];
    }
  }

  private static Kernel extract(int immediate) {
    return (v, to, old, a, b, words) ->
        System.arraycopy(v, a + (immediate & words / PART - 1) * PART, v, to, PART);
  }

  private static Kernel insert(int immediate) {
    return (v, to, old, a, b, words) -> {
      System.arraycopy(v, a, v, to, words);
      System.arraycopy(v, b, v, to + (immediate & words / PART - 1) * PART, PART);
    };
  }
}
