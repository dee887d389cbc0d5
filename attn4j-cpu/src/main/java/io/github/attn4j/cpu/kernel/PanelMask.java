package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static io.github.attn4j.cpu.kernel.Vectors.COUNT;
import static io.github.attn4j.cpu.kernel.Vectors.FLOATS;
import static io.github.attn4j.cpu.kernel.Vectors.INTS;
import static io.github.attn4j.cpu.kernel.Workspace.WORDS;

import io.github.attn4j.spi.TileGrid;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** Mask and dropout on a panel of queries, as {@link MaskPass} has read them. */
final class PanelMask {
  private PanelMask() {}

  /**
   * Replaces the masked elements of keys {@code [first, end)} by {@code replacement}; the
   * classification must be that of the panel.
   */
  static void hide(
      TileGrid grid,
      int lane,
      int key0,
      Workspace w,
      float[] tile,
      int base,
      int first,
      int end,
      float replacement) {
    FloatVector hidden = FloatVector.broadcast(FLOATS, replacement);
    boolean hasBits = grid.hasBits();
    for (int j = first; j < end; j++) {
      byte kind = w.keyKinds[lane / NR * TILE_N + j];
      if (kind == MaskPass.VISIBLE) {
        continue;
      }
      int at = base + j * PS;
      if (kind == MaskPass.HIDDEN) {
        hidden.intoArray(tile, at);
        hidden.intoArray(tile, at + COUNT);
        continue;
      }
      hideByIntervals(grid, w.laneRows, lane, key0 + j, tile, at, replacement);
      if (hasBits) {
        hideByBits(w.visible[j * WORDS + (lane >> 6)] >>> (lane & 63), tile, at, replacement);
      }
    }
  }

  private static void hideByIntervals(
      TileGrid grid, int[] rows, int lane, int key, float[] tile, int at, float replacement) {
    FloatVector hidden = FloatVector.broadcast(FLOATS, replacement);
    FloatVector x0 = FloatVector.fromArray(FLOATS, tile, at);
    FloatVector x1 = FloatVector.fromArray(FLOATS, tile, at + COUNT);
    IntVector rows0 = IntVector.fromArray(INTS, rows, lane);
    IntVector rows1 = IntVector.fromArray(INTS, rows, lane + COUNT);
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
      long[] kept, float factor, int lane, float[] tile, int base, int first, int end) {
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
}
