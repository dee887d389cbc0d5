package io.github.attn4j.spi;

import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import java.util.List;

/**
 * One sequence and head under a mask, cut into tiles: the lowered mask, and which tiles to visit.
 *
 * <p>A tile of query rows {@code [r0, r1)} (the last one ends at seqlenQ) and a range of keys is,
 * for the intervals {@code [start, end)} of its keys' masked rows,
 *
 * <ul>
 *   <li>EMPTY if one interval slot covers it under every key: {@code r0 >= max(start) and r1 <=
 *       min(end)};
 *   <li>PARTIAL if one interval slot may touch it: {@code r1 > min(start) and r0 < max(end)};
 *   <li>FULL otherwise.
 * </ul>
 *
 * These are FlashMask's predicates (arXiv 2410.01359). They err on the safe side: a tile that only
 * several slots together cover is PARTIAL. Where a mask has bits, they are counted and decide.
 */
public final class TileGrid {
  private final Extent extent;
  private final int b;
  private final int h;
  private final TileShape shape;
  private final int[][] starts;
  private final int[][] ends;
  private final List<ElementBits> bits;
  private final TileRuns rows;
  private final TileRuns columns;
  private final long full;
  private final long partial;

  TileGrid(Mask mask, int b, int h, Extent extent, TileShape shape) {
    this.extent = extent;
    this.b = b;
    this.h = h;
    this.shape = shape;
    this.bits = mask.bits();
    int intervals = mask.intervals();
    this.starts = new int[intervals][extent.seqlenK()];
    this.ends = new int[intervals][extent.seqlenK()];
    mask.lower(b, h, extent, 0, starts, ends);
    TileScan scan = new TileScan(this);
    this.rows = scan.rows();
    this.columns = scan.columns();
    this.full = scan.count(TileKind.FULL);
    this.partial = scan.count(TileKind.PARTIAL);
  }

  /**
   * The sizes of the sequence.
   *
   * @return rows, keys and heads
   */
  public Extent extent() {
    return extent;
  }

  /**
   * The size of a tile.
   *
   * @return tileM by tileN
   */
  public TileShape shape() {
    return shape;
  }

  /**
   * How many tiles lie along the queries.
   *
   * @return ceil(seqlenQ / tileM)
   */
  public int rowTiles() {
    return Math.ceilDiv(extent.seqlenQ(), shape.tileM());
  }

  /**
   * How many tiles lie along the keys.
   *
   * @return ceil(seqlenK / tileN)
   */
  public int columnTiles() {
    return Math.ceilDiv(extent.seqlenK(), shape.tileN());
  }

  /**
   * How many interval slots each key has.
   *
   * @return zero or more
   */
  public int intervals() {
    return starts.length;
  }

  /**
   * First masked row of one interval slot, per key.
   *
   * @param slot the interval slot
   * @return seqlenK numbers in [0, seqlenQ]; not to be changed
   */
  public int[] starts(int slot) {
    return starts[slot];
  }

  /**
   * First row behind the masked ones of one interval slot, per key.
   *
   * @param slot the interval slot
   * @return seqlenK numbers in [0, seqlenQ]; not to be changed
   */
  public int[] ends(int slot) {
    return ends[slot];
  }

  /**
   * Whether the mask has parts without interval form.
   *
   * @return true if {@link #clearMasked} may clear anything
   */
  public boolean hasBits() {
    return !bits.isEmpty();
  }

  /**
   * Clears the bits of the elements that the parts without interval form mask.
   *
   * @param tile which block
   * @param visible the bits, as {@link ElementBits.Tile} describes
   */
  public void clearMasked(ElementBits.Tile tile, long[] visible) {
    for (ElementBits part : bits) {
      part.clearMasked(b, h, extent, tile, visible);
    }
  }

  /**
   * For each query tile, the key tiles to visit.
   *
   * @return runs along the keys
   */
  public TileRuns rows() {
    return rows;
  }

  /**
   * The transposed list: for each key tile, the query tiles to visit.
   *
   * @return runs along the queries
   */
  public TileRuns columns() {
    return columns;
  }

  /**
   * What the mask leaves of one tile.
   *
   * @param m index of the query tile
   * @param n index of the key tile
   * @return its kind
   */
  public TileKind kind(int m, int n) {
    for (int run = rows.firstRun(m); run < rows.firstRun(m + 1); run++) {
      if (n >= rows.from(run) && n < rows.to(run)) {
        return rows.partial(run) ? TileKind.PARTIAL : TileKind.FULL;
      }
    }
    return TileKind.EMPTY;
  }

  /**
   * How many tiles are of one kind.
   *
   * @param kind the kind
   * @return tiles
   */
  public long count(TileKind kind) {
    return switch (kind) {
      case FULL -> full;
      case PARTIAL -> partial;
      case EMPTY -> (long) rowTiles() * columnTiles() - full - partial;
    };
  }

  /**
   * How many elements are visible, exactly.
   *
   * @return pairs of query and key that the mask allows
   */
  public long visibleElements() {
    if (hasBits()) {
      return TileScan.countVisible(this);
    }
    long visible = 0;
    int[] order = new int[2 * intervals()];
    for (int j = 0; j < extent.seqlenK(); j++) {
      visible += extent.seqlenQ() - maskedRows(j, order);
    }
    return visible;
  }

  /** The size of the union of one key's intervals. */
  private int maskedRows(int j, int[] sorted) {
    int n = 0;
    for (int slot = 0; slot < starts.length; slot++) {
      if (starts[slot][j] < ends[slot][j]) {
        int at = n++;
        for (; at > 0 && sorted[2 * at - 2] > starts[slot][j]; at--) {
          sorted[2 * at] = sorted[2 * at - 2];
          sorted[2 * at + 1] = sorted[2 * at - 1];
        }
        sorted[2 * at] = starts[slot][j];
        sorted[2 * at + 1] = ends[slot][j];
      }
    }
    int masked = 0;
    int end = 0;
    for (int at = 0; at < n; at++) {
      masked += Math.max(0, sorted[2 * at + 1] - Math.max(end, sorted[2 * at]));
      end = Math.max(end, sorted[2 * at + 1]);
    }
    return masked;
  }

  /**
   * The grid as text, one character per tile ({@code █} FULL, {@code ▒} PARTIAL, {@code ·} EMPTY);
   * where a side has more than 64 tiles, one character stands for a square of tiles and shows
   * PARTIAL unless all agree.
   */
  @Override
  public String toString() {
    int step = Math.max(1, Math.ceilDiv(Math.max(rowTiles(), columnTiles()), 64));
    StringBuilder text = new StringBuilder();
    for (int m = 0; m < rowTiles(); m += step) {
      for (int n = 0; n < columnTiles(); n += step) {
        text.append(glyph(m, n, step));
      }
      text.append('\n');
    }
    return text.toString();
  }

  private char glyph(int m0, int n0, int step) {
    TileKind first = kind(m0, n0);
    for (int m = m0; m < Math.min(rowTiles(), m0 + step); m++) {
      for (int n = n0; n < Math.min(columnTiles(), n0 + step); n++) {
        if (kind(m, n) != first) {
          return '▒';
        }
      }
    }
    return switch (first) {
      case FULL -> '█';
      case PARTIAL -> '▒';
      case EMPTY -> '·';
    };
  }

  /**
   * Extremes of one interval slot over a range of keys: {min start, max start, min end, max end}.
   */
  int[] extremes(int slot, int key0, int key1) {
    int[] bounds = {Integer.MAX_VALUE, 0, Integer.MAX_VALUE, 0};
    for (int j = key0; j < key1; j++) {
      bounds[0] = Math.min(bounds[0], starts[slot][j]);
      bounds[1] = Math.max(bounds[1], starts[slot][j]);
      bounds[2] = Math.min(bounds[2], ends[slot][j]);
      bounds[3] = Math.max(bounds[3], ends[slot][j]);
    }
    return bounds;
  }
}
