package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.MicroKernel.MR;

import io.github.attn4j.spi.Rows;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Brings blocks of rows into the orders the micro-kernels read.
 *
 * <p>Where a block is the right-hand side of a product with probabilities, masked elements count
 * with probability zero, and zero times NaN is NaN. So rows that hold a NaN or an infinity are
 * replaced by zeros there and kept aside ({@link Strays}), to be added element by element to those
 * that really see them.
 */
final class Packer {
  private Packer() {}

  /** Rows of a block that hold a NaN or an infinity, with their values. */
  record Strays(int[] rows, float[] values) {}

  /** Reads rows {@code [row, row + count)} of one head into {@code to}, {@code columns} apart. */
  static void readBlock(Rows source, long at, int count, int columns, float[] to, short[] halves) {
    for (int i = 0; i < count; i++) {
      RowTransfer.read(source, at + i * source.rowStride(), columns, to, i * columns, halves);
    }
  }

  /**
   * Panels over rows, padded with zeros: {@code out[(p * columns + c) * MR + r] = block[p * MR +
   * r][c]}.
   */
  static void rowPanels(float[] block, int count, int columns, float[] out) {
    int padded = Lanes.roundUp(count, MR);
    if (padded != count) {
      Arrays.fill(out, (padded - MR) * columns, padded * columns, 0f);
    }
    for (int row = 0; row < count; row++) {
      int to = row / MR * MR * columns + row % MR;
      int from = row * columns;
      for (int c = 0; c < columns; c++) {
        out[to + c * MR] = block[from + c];
      }
    }
  }

  /**
   * Panels over columns, padded with zeros: {@code out[(p * count + row) * MR + r] = block[row][p *
   * MR + r]}.
   */
  static void columnPanels(float[] block, int count, int columns, float[] out) {
    int panels = Math.ceilDiv(columns, MR);
    for (int p = 0; p < panels; p++) {
      int width = Math.min(MR, columns - p * MR);
      for (int row = 0; row < count; row++) {
        int to = (p * count + row) * MR;
        int from = row * columns + p * MR;
        for (int r = 0; r < MR; r++) {
          out[to + r] = r < width ? block[from + r] : 0f;
        }
      }
    }
  }

  /**
   * Panels of NR rows, transposed, padded with zeros: {@code out[(p * columns + c) * PS + n] =
   * block[p * NR + n][c] * factor}.
   */
  static void transposedPanels(float[] block, int count, int columns, float factor, float[] out) {
    int padded = Lanes.roundUp(count, NR);
    for (int row = 0; row < padded; row++) {
      int to = row / NR * columns * PS + row % NR;
      int from = row * columns;
      for (int c = 0; c < columns; c++) {
        out[to + c * PS] = row < count ? block[from + c] * factor : 0f;
      }
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

  /**
   * Replaces rows that hold a NaN or an infinity by zeros and returns them, or null where there are
   * none.
   */
  static @Nullable Strays removeStrays(float[] block, int count, int columns, float factor) {
    // A sum of x - x is zero unless some x is not finite; the loop vectorises, the search below is
    // rare.
    float check = 0;
    for (int at = 0; at < count * columns; at++) {
      check += block[at] * 0f;
    }
    return check == 0 ? null : collectStrays(block, count, columns, factor);
  }

  private static Strays collectStrays(float[] block, int count, int columns, float factor) {
    int[] rows = new int[count];
    float[] values = new float[count * columns];
    int found = 0;
    for (int row = 0; row < count; row++) {
      boolean finite = true;
      for (int c = 0; c < columns; c++) {
        finite &= Float.isFinite(block[row * columns + c]);
      }
      if (!finite) {
        for (int c = 0; c < columns; c++) {
          values[found * columns + c] = block[row * columns + c] * factor;
          block[row * columns + c] = 0f;
        }
        rows[found++] = row;
      }
    }
    return new Strays(Arrays.copyOf(rows, found), Arrays.copyOf(values, found * columns));
  }
}
