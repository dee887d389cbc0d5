package io.github.attn4j.bench.ladder;

import static io.github.attn4j.bench.ladder.Tile.FLOATS;
import static io.github.attn4j.bench.ladder.Tile.LANES;
import static io.github.attn4j.bench.ladder.Tile.MR;
import static io.github.attn4j.bench.ladder.Tile.NR;

import java.lang.invoke.VarHandle;
import jdk.incubator.vector.FloatVector;

/** Six rows by two vectors, held in 16 registers. */
final class FencedPanel {
  /**
   * Distance between the rows of a panel of NR columns: a multiple of the six rows of the other
   * operand, so that one loop variable serves both. With more live integers C2 parks an array's
   * address in a vector register.
   */
  static final int PS = NR / 2 * 3;

  private static final int RATIO = PS / MR;

  private FencedPanel() {}

  /**
   * {@code c[r][n] = init[r][n] + sum over k of a[k][r] * b[k][n]}. The fences before the
   * broadcasts are no instructions on x86; they keep C2 from moving loads up.
   *
   * @param a {@code a[ao + k * MR + r]}
   * @param b {@code b[bo + k * PS + n]}
   * @param init {@code init[io + r * PS + n]}
   * @param c {@code c[co + r * PS + n]}
   */
  static void compute(
      int depth, float[] a, int ao, float[] b, int bo, float[] init, int io, float[] c, int co) {
    FloatVector c0a = FloatVector.fromArray(FLOATS, init, io);
    FloatVector c0b = FloatVector.fromArray(FLOATS, init, io + LANES);
    FloatVector c1a = FloatVector.fromArray(FLOATS, init, io + PS);
    FloatVector c1b = FloatVector.fromArray(FLOATS, init, io + PS + LANES);
    FloatVector c2a = FloatVector.fromArray(FLOATS, init, io + 2 * PS);
    FloatVector c2b = FloatVector.fromArray(FLOATS, init, io + 2 * PS + LANES);
    FloatVector c3a = FloatVector.fromArray(FLOATS, init, io + 3 * PS);
    FloatVector c3b = FloatVector.fromArray(FLOATS, init, io + 3 * PS + LANES);
    FloatVector c4a = FloatVector.fromArray(FLOATS, init, io + 4 * PS);
    FloatVector c4b = FloatVector.fromArray(FLOATS, init, io + 4 * PS + LANES);
    FloatVector c5a = FloatVector.fromArray(FLOATS, init, io + 5 * PS);
    FloatVector c5b = FloatVector.fromArray(FLOATS, init, io + 5 * PS + LANES);
    int shift = bo - ao * RATIO;
    int end = ao + depth * MR;
    for (int column = ao; column < end; column += MR) {
      int row = shift + column * RATIO;
      FloatVector ba = FloatVector.fromArray(FLOATS, b, row);
      FloatVector bb = FloatVector.fromArray(FLOATS, b, row + LANES);
      FloatVector a0 = FloatVector.broadcast(FLOATS, a[column]);
      c0a = a0.fma(ba, c0a);
      c0b = a0.fma(bb, c0b);
      VarHandle.loadLoadFence();
      FloatVector a1 = FloatVector.broadcast(FLOATS, a[column + 1]);
      c1a = a1.fma(ba, c1a);
      c1b = a1.fma(bb, c1b);
      VarHandle.loadLoadFence();
      FloatVector a2 = FloatVector.broadcast(FLOATS, a[column + 2]);
      c2a = a2.fma(ba, c2a);
      c2b = a2.fma(bb, c2b);
      VarHandle.loadLoadFence();
      FloatVector a3 = FloatVector.broadcast(FLOATS, a[column + 3]);
      c3a = a3.fma(ba, c3a);
      c3b = a3.fma(bb, c3b);
      VarHandle.loadLoadFence();
      FloatVector a4 = FloatVector.broadcast(FLOATS, a[column + 4]);
      c4a = a4.fma(ba, c4a);
      c4b = a4.fma(bb, c4b);
      VarHandle.loadLoadFence();
      FloatVector a5 = FloatVector.broadcast(FLOATS, a[column + 5]);
      c5a = a5.fma(ba, c5a);
      c5b = a5.fma(bb, c5b);
    }
    c0a.intoArray(c, co);
    c0b.intoArray(c, co + LANES);
    c1a.intoArray(c, co + PS);
    c1b.intoArray(c, co + PS + LANES);
    c2a.intoArray(c, co + 2 * PS);
    c2b.intoArray(c, co + 2 * PS + LANES);
    c3a.intoArray(c, co + 3 * PS);
    c3b.intoArray(c, co + 3 * PS + LANES);
    c4a.intoArray(c, co + 4 * PS);
    c4b.intoArray(c, co + 4 * PS + LANES);
    c5a.intoArray(c, co + 5 * PS);
    c5b.intoArray(c, co + 5 * PS + LANES);
  }
}
