package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;

import io.github.attn4j.Sequences;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import java.util.stream.IntStream;

/** Brings blocks of rows into the orders the micro-kernels read. */
final class Packer {
  private Packer() {}

  /**
   * Reads {@code count} rows of one head, the first at position {@code at}, into the rows of {@code
   * to} from {@code first} on, which lie {@code columns} apart.
   */
  static void readBlock(
      Rows source, long at, int count, int first, int columns, float[] to, short[] halves) {
    for (int i = 0; i < count; i++) {
      RowTransfer.read(
          source, at + i * source.rowStride(), columns, to, (first + i) * columns, halves);
    }
  }

  /** Reads the rows of a tile of queries into {@code w.rows}, {@code columns} apart. */
  static void readQueries(
      Rows source, Sequences sequences, QueryTile tile, int columns, Workspace w) {
    long row = sequences.startQ(tile.b()) + tile.row0();
    for (int g = 0; g < tile.heads(); g++) {
      long at = source.at(sequences.entry(tile.b()), tile.head() + g, row);
      readBlock(source, at, tile.rows(), g * tile.rows(), columns, w.rows, w.halves);
    }
  }

  /** Reads the rows of a block of keys into {@code w.rows}, {@code columns} apart. */
  static void readKeys(KeyRows source, KeyBlock block, int columns, Workspace w) {
    Sequences sequences = block.sequences();
    for (int j = 0; j < block.count(); ) {
      int key = block.first() + j;
      int run = source.run(key, block.count() - j);
      long entry = source.entry(sequences, block.b(), key);
      long row = source.row(sequences, block.b(), key);
      if (source.scale() == null) {
        long at = source.rows().at(entry, block.head(), row);
        readBlock(source.rows(), at, run, j, columns, w.rows, w.halves);
      } else {
        IntegerRows.read(source, entry, block.head(), row, run, j, columns, w);
      }
      j += run;
    }
  }

  /**
   * Panels over rows, padded with zeros: {@code out[(p * columns + c) * MR + r] = block[p * MR +
   * r][c]}.
   */
  static void rowPanels(float[] block, int count, int columns, float[] out) {
    int to = 0;
    int row = 0;
    for (; row + MR <= count; row += MR) {
      for (int c = 0; c < columns; c++, to += MR) {
        int from = row * columns + c;
        for (int r = 0; r < MR; r++) {
          out[to + r] = block[from + r * columns];
        }
      }
    }
    for (int c = 0; row < count && c < columns; c++, to += MR) {
      for (int r = 0; r < MR; r++) {
        out[to + r] = row + r < count ? block[(row + r) * columns + c] : 0f;
      }
    }
  }

  /**
   * Panels over columns, padded with zeros: {@code out[(p * count + row) * MR + r] = block[row][p *
   * MR + r]}.
   */
  static void columnPanels(float[] block, int count, int columns, float[] out) {
    int to = 0;
    int c = 0;
    for (; c + MR <= columns; c += MR) {
      for (int row = 0; row < count; row++, to += MR) {
        int from = row * columns + c;
        for (int r = 0; r < MR; r++) {
          out[to + r] = block[from + r];
        }
      }
    }
    for (int row = 0; c < columns && row < count; row++, to += MR) {
      for (int r = 0; r < MR; r++) {
        out[to + r] = c + r < columns ? block[row * columns + c + r] : 0f;
      }
    }
  }

  /**
   * Panels of NR rows, transposed, padded with zeros: {@code out[(p * columns + c) * PS + n] =
   * block[p * NR + n][c] * factor}.
   */
  static void transposedPanels(float[] block, int count, int columns, float factor, float[] out) {
    int to = 0;
    int row = 0;
    for (; row + NR <= count; row += NR) {
      for (int c = 0; c < columns; c++, to += PS) {
        int from = row * columns + c;
        for (int n = 0; n < NR; n++) {
          out[to + n] = block[from + n * columns] * factor;
        }
      }
    }
    for (int c = 0; row < count && c < columns; c++, to += PS) {
      for (int n = 0; n < NR; n++) {
        out[to + n] = row + n < count ? block[(row + n) * columns + c] * factor : 0f;
      }
    }
  }

  /** The way back: {@code block[p * NR + n][c] = panels[(p * paddedColumns + c) * PS + n]}. */
  static void fromPanels(float[] panels, int paddedColumns, int count, int columns, float[] block) {
    for (int row = 0; row < count; row += NR) {
      int width = Math.min(NR, count - row);
      int from = row / NR * paddedColumns * PS;
      for (int c = 0; c < columns; c++, from += PS) {
        int to = row * columns + c;
        for (int n = 0; n < width; n++) {
          block[to + n * columns] = panels[from + n];
        }
      }
    }
  }

  /** The way back of {@link #readBlock}. */
  static void writeBlock(
      Rows target, long at, int count, int first, int columns, float[] from, short[] halves) {
    for (int i = 0; i < count; i++) {
      RowTransfer.write(
          target, at + i * target.rowStride(), columns, from, (first + i) * columns, halves);
    }
  }

  /**
   * Panels of NR columns, padded with zeros: {@code out[(p * count + row) * NR + n] = block[row][p
   * * NR + n] * factor}.
   */
  static void widePanels(float[] block, int count, int columns, float factor, float[] out) {
    int panels = Math.ceilDiv(columns, NR);
    for (int p = 0; p < panels; p++) {
      int width = Math.min(NR, columns - p * NR);
      for (int row = 0; row < count; row++) {
        int to = (p * count + row) * NR;
        int from = row * columns + p * NR;
        for (int n = 0; n < width; n++) {
          out[to + n] = block[from + n] * factor;
        }
        for (int n = width; n < NR; n++) {
          out[to + n] = 0f;
        }
      }
    }
  }

  /** Replaces elements that are NaN or infinite by zeros and returns them, times a factor. */
  static Strays takeStrays(float[] block, int count, int columns, float factor) {
    int[] at = IntStream.range(0, count * columns).filter(e -> !Float.isFinite(block[e])).toArray();
    int[] rows = new int[at.length];
    int[] places = new int[at.length];
    float[] values = new float[at.length];
    for (int s = 0; s < at.length; s++) {
      rows[s] = at[s] / columns;
      places[s] = at[s] % columns;
      values[s] = block[at[s]] * factor;
      block[at[s]] = 0f;
    }
    return new Strays(at.length, rows, places, values);
  }
}
