package io.github.attn4j.examples.math;

import static io.github.attn4j.examples.math.RegisterTile.COLUMNS;

import java.util.Arrays;

/**
 * The right operand of a product in the order it is read: blocks of the depth, in them panels of a
 * register tile's columns, the last one filled up with zeros. Weights that do not change are packed
 * once.
 */
public final class PackedMatrix {
  /** The longest block: a panel of it leaves room for one of rows in the first-level cache. */
  private static final int LONGEST = 256;

  final int depth;
  final int columns;

  /** Rows of the matrix in a block; the last block may have fewer. */
  final int block;

  final float[] panels;

  private PackedMatrix(int depth, int columns, float[] panels) {
    this.depth = depth;
    this.columns = columns;
    this.block = block(depth);
    this.panels = panels;
  }

  /**
   * Packs a matrix of depth by columns.
   *
   * @param transpose whether it is given as columns by depth
   * @throws IllegalArgumentException if the array is shorter than that
   */
  public static PackedMatrix of(
      boolean transpose, int depth, int columns, float[] matrix, Workers workers) {
    return into(new float[length(depth, columns)], transpose, depth, columns, matrix, workers);
  }

  /** Packs into an array of at least {@link #length}. */
  static PackedMatrix into(
      float[] panels, boolean transpose, int depth, int columns, float[] matrix, Workers workers) {
    Gemm.checkLength("matrix", matrix, depth, columns);
    PackedMatrix packed = new PackedMatrix(depth, columns, panels);
    workers.forEach(packed.panelCount(), panel -> packed.fill(panel, transpose, matrix));
    return packed;
  }

  static int length(int depth, int columns) {
    return Math.multiplyExact(depth, Math.ceilDiv(columns, COLUMNS) * COLUMNS);
  }

  /** Blocks as equal as can be; a function of the depth alone, and so are the bits of a sum. */
  private static int block(int depth) {
    return Math.ceilDiv(depth, Math.max(1, Math.ceilDiv(depth, LONGEST)));
  }

  int panelCount() {
    return Math.ceilDiv(columns, COLUMNS);
  }

  /** Where a panel's part of the block that starts at row k begins; the block has {@code rows}. */
  int offset(int k, int rows, int panel) {
    return k * panelCount() * COLUMNS + panel * rows * COLUMNS;
  }

  private void fill(int panel, boolean transpose, float[] matrix) {
    int first = panel * COLUMNS;
    int width = Math.min(COLUMNS, columns - first);
    for (int k = 0; k < depth; k += block) {
      int rows = Math.min(block, depth - k);
      int at = offset(k, rows, panel);
      if (transpose) {
        for (int n = 0; n < COLUMNS; n++) {
          for (int r = 0; r < rows; r++) {
            panels[at + r * COLUMNS + n] = n < width ? matrix[(first + n) * depth + k + r] : 0;
          }
        }
      } else {
        for (int r = 0; r < rows; r++, at += COLUMNS) {
          System.arraycopy(matrix, (k + r) * columns + first, panels, at, width);
          Arrays.fill(panels, at + width, at + COLUMNS, 0);
        }
      }
    }
  }
}
