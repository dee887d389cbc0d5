package io.github.attn4j.examples.math;

import java.lang.invoke.VarHandle;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The innermost product: six rows by two vectors, held in 16 registers. */
final class RegisterTile {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = FLOATS.length();

  /** Rows of a tile. */
  static final int ROWS = 6;

  /** Columns of a tile. */
  static final int COLUMNS = 2 * LANES;

  /**
   * Distance between neighbours along the depth in a panel of rows. Two unused numbers make {@link
   * #COLUMNS} a multiple of it, so that one loop variable serves both panels; with more live
   * integers C2 spills.
   */
  static final int ROW_STEP = 8;

  private static final int RATIO = COLUMNS / ROW_STEP;

  private RegisterTile() {}

  /**
   * {@code tile[r][n] = sum over k of a[k][r] * b[k][n]}, summed in the order of k. The fences are
   * no instructions on x86; they keep C2 from moving the broadcasts up and spilling.
   *
   * @param a {@code a[ao + k * ROW_STEP + r]}
   * @param b {@code b[bo + k * COLUMNS + n]}
   * @param tile {@code tile[r * COLUMNS + n]}
   */
  static void multiply(int depth, float[] a, int ao, float[] b, int bo, float[] tile) {
    FloatVector c0a = FloatVector.zero(FLOATS);
    FloatVector c0b = c0a;
    FloatVector c1a = c0a;
    FloatVector c1b = c0a;
    FloatVector c2a = c0a;
    FloatVector c2b = c0a;
    FloatVector c3a = c0a;
    FloatVector c3b = c0a;
    FloatVector c4a = c0a;
    FloatVector c4b = c0a;
    FloatVector c5a = c0a;
    FloatVector c5b = c0a;
    int shift = bo - ao * RATIO;
    int end = ao + depth * ROW_STEP;
    for (int at = ao; at < end; at += ROW_STEP) {
      int row = shift + at * RATIO;
      FloatVector ba = FloatVector.fromArray(FLOATS, b, row);
      FloatVector bb = FloatVector.fromArray(FLOATS, b, row + LANES);
      FloatVector a0 = FloatVector.broadcast(FLOATS, a[at]);
      c0a = a0.fma(ba, c0a);
      c0b = a0.fma(bb, c0b);
      VarHandle.loadLoadFence();
      FloatVector a1 = FloatVector.broadcast(FLOATS, a[at + 1]);
      c1a = a1.fma(ba, c1a);
      c1b = a1.fma(bb, c1b);
      VarHandle.loadLoadFence();
      FloatVector a2 = FloatVector.broadcast(FLOATS, a[at + 2]);
      c2a = a2.fma(ba, c2a);
      c2b = a2.fma(bb, c2b);
      VarHandle.loadLoadFence();
      FloatVector a3 = FloatVector.broadcast(FLOATS, a[at + 3]);
      c3a = a3.fma(ba, c3a);
      c3b = a3.fma(bb, c3b);
      VarHandle.loadLoadFence();
      FloatVector a4 = FloatVector.broadcast(FLOATS, a[at + 4]);
      c4a = a4.fma(ba, c4a);
      c4b = a4.fma(bb, c4b);
      VarHandle.loadLoadFence();
      FloatVector a5 = FloatVector.broadcast(FLOATS, a[at + 5]);
      c5a = a5.fma(ba, c5a);
      c5b = a5.fma(bb, c5b);
    }
    c0a.intoArray(tile, 0);
    c0b.intoArray(tile, LANES);
    c1a.intoArray(tile, COLUMNS);
    c1b.intoArray(tile, COLUMNS + LANES);
    c2a.intoArray(tile, 2 * COLUMNS);
    c2b.intoArray(tile, 2 * COLUMNS + LANES);
    c3a.intoArray(tile, 3 * COLUMNS);
    c3b.intoArray(tile, 3 * COLUMNS + LANES);
    c4a.intoArray(tile, 4 * COLUMNS);
    c4b.intoArray(tile, 4 * COLUMNS + LANES);
    c5a.intoArray(tile, 5 * COLUMNS);
    c5b.intoArray(tile, 5 * COLUMNS + LANES);
  }

  /** {@code c[at .. at + count) += tile[from .. from + count)}. */
  static void add(float[] tile, int from, float[] c, int at, int count) {
    if (count == COLUMNS) {
      for (int n = 0; n < COLUMNS; n += LANES) {
        FloatVector sum = FloatVector.fromArray(FLOATS, c, at + n);
        sum.add(FloatVector.fromArray(FLOATS, tile, from + n)).intoArray(c, at + n);
      }
    } else {
      for (int n = 0; n < count; n++) {
        c[at + n] += tile[from + n];
      }
    }
  }
}
