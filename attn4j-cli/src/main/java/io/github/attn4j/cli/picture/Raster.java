package io.github.attn4j.cli.picture;

import io.github.attn4j.spi.ElementBits;
import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TileRuns;
import java.util.Arrays;

/**
 * A grid of cells, each standing for a square of units (elements or tiles) of a mask: which share
 * of them is full (an element that is visible, a tile that is wholly so) and which is partial.
 */
final class Raster {
  private final int unitRows;
  private final int unitColumns;
  private final int step;
  private final int rows;
  private final int columns;
  private final float[] full;
  private final float[] partial;

  private Raster(int unitRows, int unitColumns, int step) {
    this.unitRows = unitRows;
    this.unitColumns = unitColumns;
    this.step = step;
    this.rows = Math.ceilDiv(unitRows, step);
    this.columns = Math.ceilDiv(unitColumns, step);
    this.full = new float[rows * columns];
    this.partial = new float[rows * columns];
  }

  /** Units along a cell such that no side has more cells than that. */
  static int step(int unitRows, int unitColumns, int maxCells) {
    return Math.max(1, Math.ceilDiv(Math.max(unitRows, unitColumns), maxCells));
  }

  /** The elements of a mask, each visible or not, in cells of step by step. */
  static Raster elements(TileGrid grid, int step) {
    int seqlenQ = grid.extent().seqlenQ();
    int seqlenK = grid.extent().seqlenK();
    Raster raster = new Raster(seqlenQ, seqlenK, step);
    int words = Math.ceilDiv(seqlenQ, 64);
    long[] visible = new long[words * raster.step];
    for (int column = 0; column < raster.columns; column++) {
      int key0 = column * raster.step;
      int keys = Math.min(raster.step, seqlenK - key0);
      Arrays.fill(visible, -1L);
      grid.clearMasked(new ElementBits.Tile(0, seqlenQ, key0, keys, words), visible);
      for (int j = 0; j < keys; j++) {
        for (int slot = 0; slot < grid.intervals(); slot++) {
          clear(visible, j * words, grid.starts(slot)[key0 + j], grid.ends(slot)[key0 + j]);
        }
        for (int row = 0; row < raster.rows; row++) {
          int from = row * raster.step;
          int to = Math.min(seqlenQ, from + raster.step);
          raster.full[row * raster.columns + column] += count(visible, j * words, from, to);
        }
      }
    }
    raster.normalise();
    return raster;
  }

  private static void clear(long[] words, int base, int from, int to) {
    for (int i = from; i < to; i = (i | 63) + 1) {
      words[base + (i >> 6)] &= ~span(i, to);
    }
  }

  private static int count(long[] words, int base, int from, int to) {
    int count = 0;
    for (int i = from; i < to; i = (i | 63) + 1) {
      count += Long.bitCount(words[base + (i >> 6)] & span(i, to));
    }
    return count;
  }

  /** The bits of rows i up to the end of its word, or up to {@code to}. */
  private static long span(int i, int to) {
    long bits = -1L << i;
    int last = (i | 63) + 1;
    return to < last ? bits & -1L >>> (last - to) : bits;
  }

  /** The tiles of a mask, each of its kind, in cells of step by step. */
  static Raster tiles(TileGrid grid, int step) {
    Raster raster = new Raster(grid.rowTiles(), grid.columnTiles(), step);
    TileRuns runs = grid.rows();
    for (int m = 0; m < grid.rowTiles(); m++) {
      int base = m / raster.step * raster.columns;
      for (int run = runs.firstRun(m); run < runs.firstRun(m + 1); run++) {
        float[] target = runs.partial(run) ? raster.partial : raster.full;
        for (int n = runs.from(run); n < runs.to(run); n++) {
          target[base + n / raster.step]++;
        }
      }
    }
    raster.normalise();
    return raster;
  }

  private void normalise() {
    for (int row = 0; row < rows; row++) {
      int height = Math.min(step, unitRows - row * step);
      for (int column = 0; column < columns; column++) {
        int width = Math.min(step, unitColumns - column * step);
        full[row * columns + column] /= (float) height * width;
        partial[row * columns + column] /= (float) height * width;
      }
    }
  }

  int unitRows() {
    return unitRows;
  }

  int unitColumns() {
    return unitColumns;
  }

  /** Units along the side of a cell. */
  int step() {
    return step;
  }

  int rows() {
    return rows;
  }

  int columns() {
    return columns;
  }

  float full(int row, int column) {
    return full[row * columns + column];
  }

  float partial(int row, int column) {
    return partial[row * columns + column];
  }

  /** The cell's colour, in few enough shades that neighbours can share a rectangle. */
  int colour(int row, int column) {
    return Palette.shade(full(row, column), partial(row, column));
  }
}
