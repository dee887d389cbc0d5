package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.COUNT;
import static io.github.attn4j.cpu.kernel.Lanes.FLOATS;
import static io.github.attn4j.cpu.kernel.Lanes.INTS;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static io.github.attn4j.cpu.kernel.Workspace.WORDS;

import io.github.attn4j.spi.DropoutBits;
import io.github.attn4j.spi.ElementBits;
import io.github.attn4j.spi.TileGrid;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * The mask of a PARTIAL tile, one panel of NR queries at a time. Each key is first classified by
 * scalars; only the keys whose boundary crosses the panel need a comparison per element.
 */
final class MaskPass {
  private static final byte VISIBLE = 0;
  private static final byte MIXED = 1;
  private static final byte HIDDEN = 2;

  private MaskPass() {}

  /** Writes the mask's bits of a tile into {@code bits}, if the mask has any. */
  static void loadBits(TileGrid grid, int row0, int rows, int key0, int keys, long[] bits) {
    if (grid.hasBits()) {
      Arrays.fill(bits, 0, keys * WORDS, -1L);
      grid.clearMasked(new ElementBits.Tile(row0, rows, key0, keys, WORDS), bits);
    }
  }

  /** Writes what dropout keeps of a tile into {@code bits}. */
  static void loadKept(
      DropoutBits dropout,
      int b,
      int h,
      TileGrid grid,
      int row0,
      int rows,
      int key0,
      int keys,
      long[] bits) {
    Arrays.fill(bits, 0, keys * WORDS, -1L);
    dropout.clearMasked(
        b, h, grid.extent(), new ElementBits.Tile(row0, rows, key0, keys, WORDS), bits);
  }

  /**
   * Classifies the keys {@code [key0, key0 + keys)} for the panel that starts at lane {@code lane}
   * of the tile of queries {@code [tileRow, tileRow + rows)}, into {@code w.keyKinds}.
   *
   * @return first and end of the keys that any query of the panel sees, packed by {@link #range}; 0
   *     for none
   */
  static long classify(
      TileGrid grid, int tileRow, int rows, int lane, int key0, int keys, Workspace w) {
    byte[] kinds = w.keyKinds;
    long[] bits = w.visible;
    int k0 = lane / NR * TILE_N;
    int row0 = tileRow + lane;
    int row1 = tileRow + Math.min(lane + NR, rows);
    Arrays.fill(kinds, k0, k0 + keys, VISIBLE);
    for (int slot = 0; slot < grid.intervals(); slot++) {
      int[] starts = grid.starts(slot);
      int[] ends = grid.ends(slot);
      for (int j = 0; j < keys; j++) {
        int start = starts[key0 + j];
        int end = ends[key0 + j];
        if (start <= row0 && end >= row1) {
          kinds[k0 + j] = HIDDEN;
        } else if (start < row1 && end > row0 && start < end && kinds[k0 + j] == VISIBLE) {
          kinds[k0 + j] = MIXED;
        }
      }
    }
    if (grid.hasBits()) {
      // NR is at most 32, so the shift cannot overflow.
      long all = (1L << (row1 - row0)) - 1;
      for (int j = 0; j < keys; j++) {
        long seen = (bits[j * WORDS + (lane >> 6)] >>> (lane & 63)) & all;
        if (seen == 0) {
          kinds[k0 + j] = HIDDEN;
        } else if (seen != all && kinds[k0 + j] == VISIBLE) {
          kinds[k0 + j] = MIXED;
        }
      }
    }
    int first = 0;
    while (first < keys && kinds[k0 + first] == HIDDEN) {
      first++;
    }
    int end = keys;
    while (end > first && kinds[k0 + end - 1] == HIDDEN) {
      end--;
    }
    return first == end ? 0 : range(first, end);
  }

  static long range(int first, int end) {
    return (long) end << 32 | first;
  }

  static int first(long range) {
    return (int) range;
  }

  static int end(long range) {
    return (int) (range >>> 32);
  }

  /**
   * Replaces the masked elements of keys {@code [first, end)} by {@code replacement}; the
   * classification must be that of the panel.
   */
  static void apply(
      TileGrid grid,
      int row0,
      int lane,
      int base,
      int key0,
      int first,
      int end,
      Workspace w,
      float[] tile,
      float replacement) {
    FloatVector hidden = FloatVector.broadcast(FLOATS, replacement);
    boolean hasBits = grid.hasBits();
    for (int j = first; j < end; j++) {
      byte kind = w.keyKinds[lane / NR * TILE_N + j];
      if (kind == VISIBLE) {
        continue;
      }
      int at = base + j * PS;
      if (kind == HIDDEN) {
        hidden.intoArray(tile, at);
        hidden.intoArray(tile, at + COUNT);
        continue;
      }
      hideByIntervals(grid, row0, key0 + j, tile, at, replacement);
      if (hasBits) {
        hideByBits(w.visible[j * WORDS + (lane >> 6)] >>> (lane & 63), tile, at, replacement);
      }
    }
  }

  private static void hideByIntervals(
      TileGrid grid, int row0, int key, float[] tile, int at, float replacement) {
    FloatVector hidden = FloatVector.broadcast(FLOATS, replacement);
    FloatVector x0 = FloatVector.fromArray(FLOATS, tile, at);
    FloatVector x1 = FloatVector.fromArray(FLOATS, tile, at + COUNT);
    IntVector rows0 = IntVector.broadcast(INTS, row0).addIndex(1);
    IntVector rows1 = rows0.add(COUNT);
    for (int slot = 0; slot < grid.intervals(); slot++) {
      int start = grid.starts(slot)[key];
      int length = grid.ends(slot)[key] - start;
      if (length > 0) {
        // start <= row < end in one comparison: row - start, unsigned, is below the length.
        VectorMask<Integer> in0 = rows0.sub(start).compare(VectorOperators.ULT, length);
        VectorMask<Integer> in1 = rows1.sub(start).compare(VectorOperators.ULT, length);
        x0 = x0.blend(hidden, in0.cast(FLOATS));
        x1 = x1.blend(hidden, in1.cast(FLOATS));
      }
    }
    x0.intoArray(tile, at);
    x1.intoArray(tile, at + COUNT);
  }

  private static void hideByBits(long seen, float[] tile, int at, float replacement) {
    FloatVector hidden = FloatVector.broadcast(FLOATS, replacement);
    VectorMask<Float> seen0 = VectorMask.fromLong(FLOATS, seen);
    VectorMask<Float> seen1 = VectorMask.fromLong(FLOATS, seen >>> COUNT);
    hidden.blend(FloatVector.fromArray(FLOATS, tile, at), seen0).intoArray(tile, at);
    hidden
        .blend(FloatVector.fromArray(FLOATS, tile, at + COUNT), seen1)
        .intoArray(tile, at + COUNT);
  }

  /**
   * Multiplies what dropout keeps of keys {@code [first, end)} by {@code factor} and zeroes the
   * rest.
   */
  static void drop(
      long[] kept, float factor, int lane, int base, int first, int end, float[] tile) {
    FloatVector zero = FloatVector.zero(FLOATS);
    for (int j = first; j < end; j++) {
      long seen = kept[j * WORDS + (lane >> 6)] >>> (lane & 63);
      for (int v = 0; v < NR; v += COUNT) {
        int at = base + j * PS + v;
        FloatVector weight = zero.blend(factor, VectorMask.fromLong(FLOATS, seen >>> v));
        FloatVector.fromArray(FLOATS, tile, at).mul(weight).intoArray(tile, at);
      }
    }
  }

  /**
   * Whether the query at {@code lane} of the tile, row {@code row}, sees a key of a PARTIAL tile.
   */
  static boolean sees(TileGrid grid, int row, int lane, int key0, int j, long[] bits) {
    for (int slot = 0; slot < grid.intervals(); slot++) {
      if (row >= grid.starts(slot)[key0 + j] && row < grid.ends(slot)[key0 + j]) {
        return false;
      }
    }
    return !grid.hasBits() || ((bits[j * WORDS + (lane >> 6)] >>> lane) & 1) != 0;
  }
}
