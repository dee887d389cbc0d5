package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static io.github.attn4j.cpu.kernel.Workspace.WORDS;

import io.github.attn4j.spi.DropoutBits;
import io.github.attn4j.spi.ElementBits;
import io.github.attn4j.spi.TileGrid;
import java.util.Arrays;

/**
 * What the mask and dropout say of a tile. For a PARTIAL tile, one panel of NR queries at a time,
 * each key is first classified by scalars; only the keys whose boundary crosses the panel need a
 * comparison per element.
 */
final class MaskPass {
  static final byte VISIBLE = 0;
  static final byte MIXED = 1;
  static final byte HIDDEN = 2;

  private MaskPass() {}

  /** Writes the mask's bits of a tile into {@code bits}, if the mask has any. */
  static void loadBits(TileGrid grid, QueryTile tile, int key0, int keys, Workspace w) {
    if (!grid.hasBits()) {
      return;
    }
    long[] head = tile.heads() == 1 ? w.visible : w.headBits;
    ElementBits.Tile block = block(tile, key0, keys);
    Arrays.fill(head, 0, keys * block.wordsPerKey(), -1L);
    grid.clearMasked(block, head);
    if (tile.heads() > 1) {
      Arrays.fill(w.visible, 0, keys * WORDS, 0L);
      for (int g = 0; g < tile.heads(); g++) {
        place(head, tile.rows(), g * tile.rows(), keys, w.visible);
      }
    }
  }

  /** Writes what dropout keeps of a tile into {@code w.kept}. */
  static void loadKept(
      DropoutBits dropout, TileGrid grid, QueryTile tile, int key0, int keys, Workspace w) {
    ElementBits.Tile block = block(tile, key0, keys);
    if (tile.heads() == 1) {
      Arrays.fill(w.kept, 0, keys * WORDS, -1L);
      dropout.clearMasked(tile.b(), tile.head(), grid.extent(), block, w.kept);
      return;
    }
    Arrays.fill(w.kept, 0, keys * WORDS, 0L);
    for (int g = 0; g < tile.heads(); g++) {
      Arrays.fill(w.headBits, 0, keys, -1L);
      dropout.clearMasked(tile.b(), tile.head() + g, grid.extent(), block, w.headBits);
      place(w.headBits, tile.rows(), g * tile.rows(), keys, w.kept);
    }
  }

  /** What is asked of one head: with several in a tile, its rows fit one word. */
  private static ElementBits.Tile block(QueryTile tile, int key0, int keys) {
    int words = tile.heads() == 1 ? WORDS : 1;
    return new ElementBits.Tile(tile.row0(), tile.rows(), key0, keys, words);
  }

  /** Sets the bits of one head at its lanes, {@code shift} and up. */
  private static void place(long[] head, int rows, int shift, int keys, long[] bits) {
    for (int j = 0; j < keys; j++) {
      long seen = head[j] & (-1L >>> (64 - rows));
      bits[j * WORDS + (shift >> 6)] |= seen << shift;
      if ((shift & 63) + rows > 64) {
        bits[j * WORDS + (shift >> 6) + 1] |= seen >>> (64 - (shift & 63));
      }
    }
  }

  /**
   * Classifies the keys {@code [key0, key0 + keys)} for the panel that starts at lane {@code lane}
   * of a tile of queries, into {@code w.keyKinds}. A panel of several heads counts as all rows from
   * its lowest to its highest: more keys may be compared element by element, none is missed.
   *
   * @return first and end of the keys that any query of the panel sees, packed by {@link #range}; 0
   *     for none
   */
  static long classify(TileGrid grid, QueryTile tile, int lane, int key0, int keys, Workspace w) {
    byte[] kinds = w.keyKinds;
    long[] bits = w.visible;
    int k0 = lane / NR * TILE_N;
    int lanes = Math.min(NR, tile.lanes() - lane);
    boolean wraps = lane % tile.rows() + lanes > tile.rows();
    int row0 = tile.row0() + (wraps ? 0 : lane % tile.rows());
    int row1 = wraps ? tile.row0() + tile.rows() : row0 + lanes;
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
      // NR is below 64, so the shift cannot overflow.
      long all = (1L << lanes) - 1;
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

  /** Whether the query at {@code lane} of the tile sees a key of a PARTIAL tile. */
  static boolean sees(TileGrid grid, int lane, int key0, int j, Workspace w) {
    int row = w.laneRows[lane];
    for (int slot = 0; slot < grid.intervals(); slot++) {
      if (row >= grid.starts(slot)[key0 + j] && row < grid.ends(slot)[key0 + j]) {
        return false;
      }
    }
    return !grid.hasBits() || ((w.visible[j * WORDS + (lane >> 6)] >>> lane) & 1) != 0;
  }
}
