package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static io.github.attn4j.cpu.kernel.Workspace.WORDS;

import io.github.attn4j.spi.TileGrid;

/**
 * Mask and dropout of a panel as one int per key, a bit for each of its queries, in {@code
 * w.laneBits}: the form in which emitted kernels read them.
 */
final class LaneBits {
  private LaneBits() {}

  /** What keys {@code [first, end)} hide, by the classification of the panel. */
  static void hidden(TileGrid grid, int lane, int key0, int first, int end, Workspace w) {
    for (int j = first; j < end; j++) {
      int bits =
          switch (w.keyKinds[lane / NR * TILE_N + j]) {
            case MaskPass.VISIBLE -> 0;
            case MaskPass.HIDDEN -> -1;
            default -> mixed(grid, lane, key0, j, w);
          };
      w.laneBits.setBits(j, bits);
    }
  }

  private static int mixed(TileGrid grid, int lane, int key0, int j, Workspace w) {
    int bits = grid.hasBits() ? ~laneBits(w.visible, j, lane) : 0;
    for (int slot = 0; slot < grid.intervals(); slot++) {
      int start = grid.starts(slot)[key0 + j];
      int end = grid.ends(slot)[key0 + j];
      if (w.consecutiveRows) {
        int row0 = w.laneRows[lane];
        bits |= below(end - row0) & ~below(start - row0);
      } else {
        for (int i = 0; i < NR; i++) {
          int row = w.laneRows[lane + i];
          bits |= (row >= start && row < end ? 1 : 0) << i;
        }
      }
    }
    return bits;
  }

  /** The lowest {@code count} bits of NR. */
  private static int below(int count) {
    return count <= 0 ? 0 : count >= NR ? -1 : (1 << count) - 1;
  }

  /** What dropout keeps of keys {@code [first, end)}. */
  static void kept(int lane, int first, int end, Workspace w) {
    for (int j = first; j < end; j++) {
      w.laneBits.setBits(j, laneBits(w.kept, j, lane));
    }
  }

  private static int laneBits(long[] bits, int j, int lane) {
    return (int) (bits[j * WORDS + (lane >> 6)] >>> (lane & 63));
  }
}
