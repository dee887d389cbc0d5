package io.github.attn4j.spi;

import java.util.Arrays;
import java.util.EnumMap;

/**
 * Classifies the tiles of one grid.
 *
 * <p>Along one column of tiles the kind changes at a few places only, which follow from the
 * extremes of its intervals. So a column is a short list of pieces; the runs of a row are found by
 * comparing the pieces of neighbouring columns and touching only the rows where they differ. The
 * work grows with the keys and the runs; only a mask that turns at every tile has as many runs as
 * tiles.
 */
final class TileScan {
  private final TileGrid grid;
  private final int tileM;
  private final int tileN;
  private final int seqlenQ;
  private final int rowTiles;
  private final int columnTiles;
  private final TileRuns rows;
  private final TileRuns columns;
  private final EnumMap<TileKind, Long> counts = new EnumMap<>(TileKind.class);

  TileScan(TileGrid grid) {
    this.grid = grid;
    tileM = grid.shape().tileM();
    tileN = grid.shape().tileN();
    seqlenQ = grid.extent().seqlenQ();
    rowTiles = grid.rowTiles();
    columnTiles = grid.columnTiles();
    TileRuns.Builder rowRuns = new TileRuns.Builder(rowTiles);
    TileRuns.Builder columnRuns = new TileRuns.Builder(columnTiles);
    int[] openedAt = new int[rowTiles];
    Pieces previous = new Pieces();
    previous.add(0, TileKind.EMPTY);
    for (int n = 0; n <= columnTiles; n++) {
      Pieces current = n < columnTiles ? classify(n) : new Pieces();
      if (n == columnTiles) {
        current.add(0, TileKind.EMPTY);
      } else {
        list(n, current, columnRuns);
      }
      turn(n, previous, current, openedAt, rowRuns);
      previous = current;
    }
    rows = rowRuns.build();
    columns = columnRuns.build();
  }

  TileRuns rows() {
    return rows;
  }

  TileRuns columns() {
    return columns;
  }

  long count(TileKind kind) {
    return counts.getOrDefault(kind, 0L);
  }

  /** Stretches of one kind along a column of tiles: piece p covers tiles [from[p], from[p + 1]). */
  private static final class Pieces {
    private int[] from = new int[8];
    private TileKind[] kinds = new TileKind[8];
    private int size;

    void add(int first, TileKind kind) {
      if (size > 0 && kinds[size - 1] == kind) {
        return;
      }
      if (size == from.length) {
        from = Arrays.copyOf(from, 2 * size);
        kinds = Arrays.copyOf(kinds, 2 * size);
      }
      from[size] = first;
      kinds[size++] = kind;
    }

    int end(int piece, int tiles) {
      return piece + 1 < size ? from[piece + 1] : tiles;
    }
  }

  private Pieces classify(int n) {
    int key0 = n * tileN;
    int key1 = (int) Math.min(grid.extent().seqlenK(), key0 + (long) tileN);
    int slots = grid.intervals();
    int[][] extremes = new int[slots][];
    int[] breaks = new int[4 * slots + 1];
    for (int s = 0; s < slots; s++) {
      int[] bounds = grid.extremes(s, key0, key1);
      extremes[s] = bounds;
      // The only tiles at which one of the predicates can turn.
      breaks[4 * s + 1] = bounds[0] / tileM;
      breaks[4 * s + 2] = Math.ceilDiv(bounds[1], tileM);
      breaks[4 * s + 3] = bounds[2] >= seqlenQ ? rowTiles : bounds[2] / tileM;
      breaks[4 * s + 4] = Math.ceilDiv(bounds[3], tileM);
    }
    Arrays.sort(breaks);
    Pieces pieces = new Pieces();
    for (int at = 0; at < breaks.length; at++) {
      int m0 = breaks[at];
      int m1 = at + 1 < breaks.length ? breaks[at + 1] : rowTiles;
      if (m0 >= rowTiles || m0 == m1) {
        continue;
      }
      TileKind kind = kind(m0, extremes);
      if (kind == TileKind.EMPTY || !grid.hasBits()) {
        pieces.add(m0, kind);
      } else {
        for (int m = m0; m < Math.min(m1, rowTiles); m++) {
          pieces.add(m, withBits(kind, m, key0, key1));
        }
      }
    }
    return pieces;
  }

  private TileKind kind(int m, int[][] extremes) {
    int r0 = m * tileM;
    int r1 = (int) Math.min(seqlenQ, r0 + (long) tileM);
    boolean partial = false;
    for (int[] bounds : extremes) {
      if (r0 >= bounds[1] && r1 <= bounds[2]) {
        return TileKind.EMPTY;
      }
      partial |= r1 > bounds[0] && r0 < bounds[3];
    }
    return partial ? TileKind.PARTIAL : TileKind.FULL;
  }

  private TileKind withBits(TileKind byIntervals, int m, int key0, int key1) {
    int r0 = m * tileM;
    int r1 = (int) Math.min(seqlenQ, r0 + (long) tileM);
    long visible = countVisible(grid, r0, r1, key0, key1);
    if (visible == 0) {
      return TileKind.EMPTY;
    }
    return visible == (long) (r1 - r0) * (key1 - key0) ? byIntervals : TileKind.PARTIAL;
  }

  /** Elements of a block that the mask's bits alone allow. */
  private static long countVisible(TileGrid grid, int r0, int r1, int key0, int key1) {
    long[] visible = visibleBits(grid, r0, r1, key0, key1);
    long count = 0;
    for (long word : visible) {
      count += Long.bitCount(word);
    }
    return count;
  }

  private static long[] visibleBits(TileGrid grid, int r0, int r1, int key0, int key1) {
    int words = Math.ceilDiv(r1 - r0, 64);
    long[] visible = new long[(key1 - key0) * words];
    Arrays.fill(visible, -1L);
    int rest = (r1 - r0) & 63;
    if (rest != 0) {
      for (int j = 0; j < key1 - key0; j++) {
        visible[j * words + words - 1] = (1L << rest) - 1;
      }
    }
    grid.clearMasked(new ElementBits.Tile(r0, r1 - r0, key0, key1 - key0, words), visible);
    return visible;
  }

  /** Elements of the whole grid that bits and intervals together allow. */
  static long countVisible(TileGrid grid) {
    int seqlenQ = grid.extent().seqlenQ();
    int seqlenK = grid.extent().seqlenK();
    int block = 256;
    long count = 0;
    for (int r0 = 0; r0 < seqlenQ; r0 += block) {
      int r1 = Math.min(seqlenQ, r0 + block);
      int words = Math.ceilDiv(r1 - r0, 64);
      for (int key0 = 0; key0 < seqlenK; key0 += block) {
        int key1 = Math.min(seqlenK, key0 + block);
        long[] visible = visibleBits(grid, r0, r1, key0, key1);
        for (int slot = 0; slot < grid.intervals(); slot++) {
          for (int j = key0; j < key1; j++) {
            int end = Math.min(r1, grid.ends(slot)[j]);
            for (int i = Math.max(r0, grid.starts(slot)[j]); i < end; i++) {
              visible[(j - key0) * words + ((i - r0) >>> 6)] &= ~(1L << (i - r0));
            }
          }
        }
        for (long word : visible) {
          count += Long.bitCount(word);
        }
      }
    }
    return count;
  }

  private void list(int n, Pieces pieces, TileRuns.Builder columnRuns) {
    for (int p = 0; p < pieces.size; p++) {
      int end = pieces.end(p, rowTiles);
      TileKind kind = pieces.kinds[p];
      counts.merge(kind, (long) end - pieces.from[p], Long::sum);
      if (kind != TileKind.EMPTY) {
        columnRuns.add(n, pieces.from[p], end, kind == TileKind.PARTIAL);
      }
    }
  }

  /** Closes and opens the runs of the rows whose kind turns between column n − 1 and column n. */
  private void turn(
      int n, Pieces previous, Pieces current, int[] openedAt, TileRuns.Builder rowRuns) {
    int p = 0;
    int c = 0;
    int m = 0;
    while (m < rowTiles) {
      int end = Math.min(previous.end(p, rowTiles), current.end(c, rowTiles));
      TileKind before = previous.kinds[p];
      TileKind after = current.kinds[c];
      if (before != after) {
        for (int row = m; row < end; row++) {
          if (before != TileKind.EMPTY) {
            rowRuns.add(row, openedAt[row], n, before == TileKind.PARTIAL);
          }
          openedAt[row] = n;
        }
      }
      m = end;
      p += previous.end(p, rowTiles) == end ? 1 : 0;
      c += current.end(c, rowTiles) == end ? 1 : 0;
    }
  }
}
