package io.github.attn4j.cli.page;

import io.github.attn4j.spi.ElementBits;
import io.github.attn4j.spi.TileGrid;
import java.util.Arrays;

/** The rows that may not see a key, all parts of the mask together, as disjoint intervals. */
final class MaskedRows {
  private final TileGrid grid;
  private final int seqlenQ;
  private final long[] visible;

  MaskedRows(TileGrid grid) {
    this.grid = grid;
    this.seqlenQ = grid.extent().seqlenQ();
    this.visible = new long[grid.hasBits() ? Math.ceilDiv(seqlenQ, Long.SIZE) : 0];
  }

  /**
   * The intervals of one key.
   *
   * @return start, end, start, end, ... ascending; neighbours do not touch
   */
  int[] of(int j) {
    return grid.hasBits() ? scanned(j) : merged(j);
  }

  private int[] merged(int j) {
    long[] intervals = new long[grid.intervals()];
    int count = 0;
    for (int slot = 0; slot < intervals.length; slot++) {
      int start = grid.starts(slot)[j];
      int end = grid.ends(slot)[j];
      if (start < end) {
        intervals[count++] = (long) start << Integer.SIZE | end;
      }
    }
    Arrays.sort(intervals, 0, count);
    int[] rows = new int[2 * count];
    int size = 0;
    for (int n = 0; n < count; n++) {
      int start = (int) (intervals[n] >>> Integer.SIZE);
      int end = (int) intervals[n];
      if (size > 0 && start <= rows[size - 1]) {
        rows[size - 1] = Math.max(rows[size - 1], end);
      } else {
        rows[size++] = start;
        rows[size++] = end;
      }
    }
    return Arrays.copyOf(rows, size);
  }

  private int[] scanned(int j) {
    Arrays.fill(visible, -1);
    grid.clearMasked(new ElementBits.Tile(0, seqlenQ, j, 1, visible.length), visible);
    for (int slot = 0; slot < grid.intervals(); slot++) {
      for (int i = grid.starts(slot)[j]; i < grid.ends(slot)[j]; i++) {
        visible[i >>> 6] &= ~(1L << i);
      }
    }
    int[] rows = new int[seqlenQ + 1];
    int size = 0;
    boolean inside = false;
    for (int i = 0; i < seqlenQ; i++) {
      boolean masked = (visible[i >>> 6] >>> i & 1) == 0;
      if (masked != inside) {
        rows[size++] = i;
        inside = masked;
      }
    }
    if (inside) {
      rows[size++] = seqlenQ;
    }
    return Arrays.copyOf(rows, size);
  }
}
