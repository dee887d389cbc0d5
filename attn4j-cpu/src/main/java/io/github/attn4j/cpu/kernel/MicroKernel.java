package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.LD;
import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Vectors.COUNT;
import static io.github.attn4j.cpu.kernel.Vectors.FLOATS;
import static io.github.attn4j.cpu.kernel.Vectors.WIDE;

import java.lang.invoke.VarHandle;
import jdk.incubator.vector.FloatVector;

/**
 * The two register tiles that all matrix products of forward and backward are made of: MR rows by
 * two vectors of columns.
 *
 * <p>Every element is one chain of fused multiply-adds over ascending k, whatever the tile: so its
 * value does not depend on the vector width or on its place.
 *
 * <p>What C2 makes of them decides the speed, hence the form (each point was read off the machine
 * code):
 *
 * <ul>
 *   <li>The accumulators are named locals, and no helper is called: vectors in arrays, objects or
 *       calls that are not inlined are boxed.
 *   <li>Distances are constants, so that range checks leave the loop.
 *   <li>One k per loop body: unrolling by hand gained nothing.
 *   <li>Where 16 registers are full, a fence before each row's broadcast, which is no instruction
 *       on x86, keeps C2 from moving the later rows' loads forward and spilling accumulators; and
 *       one loop variable serves both operands, since with more live integers C2 parks an array's
 *       address in a vector register.
 * </ul>
 */
final class MicroKernel {
  /** Initial accumulators of a product that starts from nothing; never written. */
  static final float[] ZEROS = new float[MR * PS];

  private MicroKernel() {}

  /**
   * {@code C[r][n] = Init[r][n] + sum over k of A[k][r] * B[k][n]} for r below MR and n below NR.
   *
   * @param depth how many k
   * @param a rows of A interleaved, {@code a[ao + k * MR + r]}
   * @param b {@code b[bo + k * PS + n]}
   * @param init {@code init[io + r * PS + n]}: C itself to accumulate, or zeros
   * @param c {@code c[co + r * PS + n]}
   */
  static void panel(
      int depth, float[] a, int ao, float[] b, int bo, float[] init, int io, float[] c, int co) {
    if (WIDE) {
      panel12(depth, a, ao, b, bo, init, io, c, co);
    } else {
      panel6(depth, a, ao, b, bo, init, io, c, co);
    }
  }

  /**
   * {@code C[r][n] += sum over k of A[r][k] * B[k][n]} for r below MR and n below NR.
   *
   * @param depth how many k
   * @param a {@code a[ao + r * LD + k]}
   * @param b {@code b[bo + k * NR + n]}
   * @param c {@code c[co + r * NR + n]}
   */
  static void row(int depth, float[] a, int ao, float[] b, int bo, float[] c, int co) {
    if (WIDE) {
      row12(depth, a, ao, b, bo, c, co);
    } else {
      row6(depth, a, ao, b, bo, c, co);
    }
  }

  /** 12 rows in 32 registers. */
  private static void panel12(
      int depth, float[] a, int ao, float[] b, int bo, float[] init, int io, float[] c, int co) {
    FloatVector c0a = FloatVector.fromArray(FLOATS, init, io);
    FloatVector c0b = FloatVector.fromArray(FLOATS, init, io + COUNT);
    FloatVector c1a = FloatVector.fromArray(FLOATS, init, io + 1 * PS);
    FloatVector c1b = FloatVector.fromArray(FLOATS, init, io + 1 * PS + COUNT);
    FloatVector c2a = FloatVector.fromArray(FLOATS, init, io + 2 * PS);
    FloatVector c2b = FloatVector.fromArray(FLOATS, init, io + 2 * PS + COUNT);
    FloatVector c3a = FloatVector.fromArray(FLOATS, init, io + 3 * PS);
    FloatVector c3b = FloatVector.fromArray(FLOATS, init, io + 3 * PS + COUNT);
    FloatVector c4a = FloatVector.fromArray(FLOATS, init, io + 4 * PS);
    FloatVector c4b = FloatVector.fromArray(FLOATS, init, io + 4 * PS + COUNT);
    FloatVector c5a = FloatVector.fromArray(FLOATS, init, io + 5 * PS);
    FloatVector c5b = FloatVector.fromArray(FLOATS, init, io + 5 * PS + COUNT);
    FloatVector c6a = FloatVector.fromArray(FLOATS, init, io + 6 * PS);
    FloatVector c6b = FloatVector.fromArray(FLOATS, init, io + 6 * PS + COUNT);
    FloatVector c7a = FloatVector.fromArray(FLOATS, init, io + 7 * PS);
    FloatVector c7b = FloatVector.fromArray(FLOATS, init, io + 7 * PS + COUNT);
    FloatVector c8a = FloatVector.fromArray(FLOATS, init, io + 8 * PS);
    FloatVector c8b = FloatVector.fromArray(FLOATS, init, io + 8 * PS + COUNT);
    FloatVector c9a = FloatVector.fromArray(FLOATS, init, io + 9 * PS);
    FloatVector c9b = FloatVector.fromArray(FLOATS, init, io + 9 * PS + COUNT);
    FloatVector c10a = FloatVector.fromArray(FLOATS, init, io + 10 * PS);
    FloatVector c10b = FloatVector.fromArray(FLOATS, init, io + 10 * PS + COUNT);
    FloatVector c11a = FloatVector.fromArray(FLOATS, init, io + 11 * PS);
    FloatVector c11b = FloatVector.fromArray(FLOATS, init, io + 11 * PS + COUNT);
    for (int k = 0; k < depth; k++) {
      int row = bo + k * PS;
      int column = ao + k * 12;
      FloatVector ba = FloatVector.fromArray(FLOATS, b, row);
      FloatVector bb = FloatVector.fromArray(FLOATS, b, row + COUNT);
      FloatVector a0 = FloatVector.broadcast(FLOATS, a[column]);
      c0a = a0.fma(ba, c0a);
      c0b = a0.fma(bb, c0b);
      FloatVector a1 = FloatVector.broadcast(FLOATS, a[column + 1]);
      c1a = a1.fma(ba, c1a);
      c1b = a1.fma(bb, c1b);
      FloatVector a2 = FloatVector.broadcast(FLOATS, a[column + 2]);
      c2a = a2.fma(ba, c2a);
      c2b = a2.fma(bb, c2b);
      FloatVector a3 = FloatVector.broadcast(FLOATS, a[column + 3]);
      c3a = a3.fma(ba, c3a);
      c3b = a3.fma(bb, c3b);
      FloatVector a4 = FloatVector.broadcast(FLOATS, a[column + 4]);
      c4a = a4.fma(ba, c4a);
      c4b = a4.fma(bb, c4b);
      FloatVector a5 = FloatVector.broadcast(FLOATS, a[column + 5]);
      c5a = a5.fma(ba, c5a);
      c5b = a5.fma(bb, c5b);
      FloatVector a6 = FloatVector.broadcast(FLOATS, a[column + 6]);
      c6a = a6.fma(ba, c6a);
      c6b = a6.fma(bb, c6b);
      FloatVector a7 = FloatVector.broadcast(FLOATS, a[column + 7]);
      c7a = a7.fma(ba, c7a);
      c7b = a7.fma(bb, c7b);
      FloatVector a8 = FloatVector.broadcast(FLOATS, a[column + 8]);
      c8a = a8.fma(ba, c8a);
      c8b = a8.fma(bb, c8b);
      FloatVector a9 = FloatVector.broadcast(FLOATS, a[column + 9]);
      c9a = a9.fma(ba, c9a);
      c9b = a9.fma(bb, c9b);
      FloatVector a10 = FloatVector.broadcast(FLOATS, a[column + 10]);
      c10a = a10.fma(ba, c10a);
      c10b = a10.fma(bb, c10b);
      FloatVector a11 = FloatVector.broadcast(FLOATS, a[column + 11]);
      c11a = a11.fma(ba, c11a);
      c11b = a11.fma(bb, c11b);
    }
    c0a.intoArray(c, co);
    c0b.intoArray(c, co + COUNT);
    c1a.intoArray(c, co + 1 * PS);
    c1b.intoArray(c, co + 1 * PS + COUNT);
    c2a.intoArray(c, co + 2 * PS);
    c2b.intoArray(c, co + 2 * PS + COUNT);
    c3a.intoArray(c, co + 3 * PS);
    c3b.intoArray(c, co + 3 * PS + COUNT);
    c4a.intoArray(c, co + 4 * PS);
    c4b.intoArray(c, co + 4 * PS + COUNT);
    c5a.intoArray(c, co + 5 * PS);
    c5b.intoArray(c, co + 5 * PS + COUNT);
    c6a.intoArray(c, co + 6 * PS);
    c6b.intoArray(c, co + 6 * PS + COUNT);
    c7a.intoArray(c, co + 7 * PS);
    c7b.intoArray(c, co + 7 * PS + COUNT);
    c8a.intoArray(c, co + 8 * PS);
    c8b.intoArray(c, co + 8 * PS + COUNT);
    c9a.intoArray(c, co + 9 * PS);
    c9b.intoArray(c, co + 9 * PS + COUNT);
    c10a.intoArray(c, co + 10 * PS);
    c10b.intoArray(c, co + 10 * PS + COUNT);
    c11a.intoArray(c, co + 11 * PS);
    c11b.intoArray(c, co + 11 * PS + COUNT);
  }

  /** 6 rows in 16 registers. */
  private static void panel6(
      int depth, float[] a, int ao, float[] b, int bo, float[] init, int io, float[] c, int co) {
    FloatVector c0a = FloatVector.fromArray(FLOATS, init, io);
    FloatVector c0b = FloatVector.fromArray(FLOATS, init, io + COUNT);
    FloatVector c1a = FloatVector.fromArray(FLOATS, init, io + 1 * PS);
    FloatVector c1b = FloatVector.fromArray(FLOATS, init, io + 1 * PS + COUNT);
    FloatVector c2a = FloatVector.fromArray(FLOATS, init, io + 2 * PS);
    FloatVector c2b = FloatVector.fromArray(FLOATS, init, io + 2 * PS + COUNT);
    FloatVector c3a = FloatVector.fromArray(FLOATS, init, io + 3 * PS);
    FloatVector c3b = FloatVector.fromArray(FLOATS, init, io + 3 * PS + COUNT);
    FloatVector c4a = FloatVector.fromArray(FLOATS, init, io + 4 * PS);
    FloatVector c4b = FloatVector.fromArray(FLOATS, init, io + 4 * PS + COUNT);
    FloatVector c5a = FloatVector.fromArray(FLOATS, init, io + 5 * PS);
    FloatVector c5b = FloatVector.fromArray(FLOATS, init, io + 5 * PS + COUNT);
    int ratio = PS / 6;
    int shift = bo - ao * ratio;
    int end = ao + depth * 6;
    for (int column = ao; column < end; column += 6) {
      int row = shift + column * ratio;
      FloatVector ba = FloatVector.fromArray(FLOATS, b, row);
      FloatVector bb = FloatVector.fromArray(FLOATS, b, row + COUNT);
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
    c0b.intoArray(c, co + COUNT);
    c1a.intoArray(c, co + 1 * PS);
    c1b.intoArray(c, co + 1 * PS + COUNT);
    c2a.intoArray(c, co + 2 * PS);
    c2b.intoArray(c, co + 2 * PS + COUNT);
    c3a.intoArray(c, co + 3 * PS);
    c3b.intoArray(c, co + 3 * PS + COUNT);
    c4a.intoArray(c, co + 4 * PS);
    c4b.intoArray(c, co + 4 * PS + COUNT);
    c5a.intoArray(c, co + 5 * PS);
    c5b.intoArray(c, co + 5 * PS + COUNT);
  }

  /** 12 rows in 32 registers. */
  private static void row12(int depth, float[] a, int ao, float[] b, int bo, float[] c, int co) {
    FloatVector c0a = FloatVector.fromArray(FLOATS, c, co);
    FloatVector c0b = FloatVector.fromArray(FLOATS, c, co + COUNT);
    FloatVector c1a = FloatVector.fromArray(FLOATS, c, co + 1 * NR);
    FloatVector c1b = FloatVector.fromArray(FLOATS, c, co + 1 * NR + COUNT);
    FloatVector c2a = FloatVector.fromArray(FLOATS, c, co + 2 * NR);
    FloatVector c2b = FloatVector.fromArray(FLOATS, c, co + 2 * NR + COUNT);
    FloatVector c3a = FloatVector.fromArray(FLOATS, c, co + 3 * NR);
    FloatVector c3b = FloatVector.fromArray(FLOATS, c, co + 3 * NR + COUNT);
    FloatVector c4a = FloatVector.fromArray(FLOATS, c, co + 4 * NR);
    FloatVector c4b = FloatVector.fromArray(FLOATS, c, co + 4 * NR + COUNT);
    FloatVector c5a = FloatVector.fromArray(FLOATS, c, co + 5 * NR);
    FloatVector c5b = FloatVector.fromArray(FLOATS, c, co + 5 * NR + COUNT);
    FloatVector c6a = FloatVector.fromArray(FLOATS, c, co + 6 * NR);
    FloatVector c6b = FloatVector.fromArray(FLOATS, c, co + 6 * NR + COUNT);
    FloatVector c7a = FloatVector.fromArray(FLOATS, c, co + 7 * NR);
    FloatVector c7b = FloatVector.fromArray(FLOATS, c, co + 7 * NR + COUNT);
    FloatVector c8a = FloatVector.fromArray(FLOATS, c, co + 8 * NR);
    FloatVector c8b = FloatVector.fromArray(FLOATS, c, co + 8 * NR + COUNT);
    FloatVector c9a = FloatVector.fromArray(FLOATS, c, co + 9 * NR);
    FloatVector c9b = FloatVector.fromArray(FLOATS, c, co + 9 * NR + COUNT);
    FloatVector c10a = FloatVector.fromArray(FLOATS, c, co + 10 * NR);
    FloatVector c10b = FloatVector.fromArray(FLOATS, c, co + 10 * NR + COUNT);
    FloatVector c11a = FloatVector.fromArray(FLOATS, c, co + 11 * NR);
    FloatVector c11b = FloatVector.fromArray(FLOATS, c, co + 11 * NR + COUNT);
    int shift = bo - ao * NR;
    int end = ao + depth;
    for (int column = ao; column < end; column++) {
      int row = shift + column * NR;
      FloatVector ba = FloatVector.fromArray(FLOATS, b, row);
      FloatVector bb = FloatVector.fromArray(FLOATS, b, row + COUNT);
      FloatVector a0 = FloatVector.broadcast(FLOATS, a[column]);
      c0a = a0.fma(ba, c0a);
      c0b = a0.fma(bb, c0b);
      FloatVector a1 = FloatVector.broadcast(FLOATS, a[column + 1 * LD]);
      c1a = a1.fma(ba, c1a);
      c1b = a1.fma(bb, c1b);
      FloatVector a2 = FloatVector.broadcast(FLOATS, a[column + 2 * LD]);
      c2a = a2.fma(ba, c2a);
      c2b = a2.fma(bb, c2b);
      FloatVector a3 = FloatVector.broadcast(FLOATS, a[column + 3 * LD]);
      c3a = a3.fma(ba, c3a);
      c3b = a3.fma(bb, c3b);
      FloatVector a4 = FloatVector.broadcast(FLOATS, a[column + 4 * LD]);
      c4a = a4.fma(ba, c4a);
      c4b = a4.fma(bb, c4b);
      FloatVector a5 = FloatVector.broadcast(FLOATS, a[column + 5 * LD]);
      c5a = a5.fma(ba, c5a);
      c5b = a5.fma(bb, c5b);
      FloatVector a6 = FloatVector.broadcast(FLOATS, a[column + 6 * LD]);
      c6a = a6.fma(ba, c6a);
      c6b = a6.fma(bb, c6b);
      FloatVector a7 = FloatVector.broadcast(FLOATS, a[column + 7 * LD]);
      c7a = a7.fma(ba, c7a);
      c7b = a7.fma(bb, c7b);
      FloatVector a8 = FloatVector.broadcast(FLOATS, a[column + 8 * LD]);
      c8a = a8.fma(ba, c8a);
      c8b = a8.fma(bb, c8b);
      FloatVector a9 = FloatVector.broadcast(FLOATS, a[column + 9 * LD]);
      c9a = a9.fma(ba, c9a);
      c9b = a9.fma(bb, c9b);
      FloatVector a10 = FloatVector.broadcast(FLOATS, a[column + 10 * LD]);
      c10a = a10.fma(ba, c10a);
      c10b = a10.fma(bb, c10b);
      FloatVector a11 = FloatVector.broadcast(FLOATS, a[column + 11 * LD]);
      c11a = a11.fma(ba, c11a);
      c11b = a11.fma(bb, c11b);
    }
    c0a.intoArray(c, co);
    c0b.intoArray(c, co + COUNT);
    c1a.intoArray(c, co + 1 * NR);
    c1b.intoArray(c, co + 1 * NR + COUNT);
    c2a.intoArray(c, co + 2 * NR);
    c2b.intoArray(c, co + 2 * NR + COUNT);
    c3a.intoArray(c, co + 3 * NR);
    c3b.intoArray(c, co + 3 * NR + COUNT);
    c4a.intoArray(c, co + 4 * NR);
    c4b.intoArray(c, co + 4 * NR + COUNT);
    c5a.intoArray(c, co + 5 * NR);
    c5b.intoArray(c, co + 5 * NR + COUNT);
    c6a.intoArray(c, co + 6 * NR);
    c6b.intoArray(c, co + 6 * NR + COUNT);
    c7a.intoArray(c, co + 7 * NR);
    c7b.intoArray(c, co + 7 * NR + COUNT);
    c8a.intoArray(c, co + 8 * NR);
    c8b.intoArray(c, co + 8 * NR + COUNT);
    c9a.intoArray(c, co + 9 * NR);
    c9b.intoArray(c, co + 9 * NR + COUNT);
    c10a.intoArray(c, co + 10 * NR);
    c10b.intoArray(c, co + 10 * NR + COUNT);
    c11a.intoArray(c, co + 11 * NR);
    c11b.intoArray(c, co + 11 * NR + COUNT);
  }

  /** 6 rows in 16 registers. */
  private static void row6(int depth, float[] a, int ao, float[] b, int bo, float[] c, int co) {
    FloatVector c0a = FloatVector.fromArray(FLOATS, c, co);
    FloatVector c0b = FloatVector.fromArray(FLOATS, c, co + COUNT);
    FloatVector c1a = FloatVector.fromArray(FLOATS, c, co + 1 * NR);
    FloatVector c1b = FloatVector.fromArray(FLOATS, c, co + 1 * NR + COUNT);
    FloatVector c2a = FloatVector.fromArray(FLOATS, c, co + 2 * NR);
    FloatVector c2b = FloatVector.fromArray(FLOATS, c, co + 2 * NR + COUNT);
    FloatVector c3a = FloatVector.fromArray(FLOATS, c, co + 3 * NR);
    FloatVector c3b = FloatVector.fromArray(FLOATS, c, co + 3 * NR + COUNT);
    FloatVector c4a = FloatVector.fromArray(FLOATS, c, co + 4 * NR);
    FloatVector c4b = FloatVector.fromArray(FLOATS, c, co + 4 * NR + COUNT);
    FloatVector c5a = FloatVector.fromArray(FLOATS, c, co + 5 * NR);
    FloatVector c5b = FloatVector.fromArray(FLOATS, c, co + 5 * NR + COUNT);
    int shift = bo - ao * NR;
    int end = ao + depth;
    for (int column = ao; column < end; column++) {
      int row = shift + column * NR;
      FloatVector ba = FloatVector.fromArray(FLOATS, b, row);
      FloatVector bb = FloatVector.fromArray(FLOATS, b, row + COUNT);
      FloatVector a0 = FloatVector.broadcast(FLOATS, a[column]);
      c0a = a0.fma(ba, c0a);
      c0b = a0.fma(bb, c0b);
      VarHandle.loadLoadFence();
      FloatVector a1 = FloatVector.broadcast(FLOATS, a[column + 1 * LD]);
      c1a = a1.fma(ba, c1a);
      c1b = a1.fma(bb, c1b);
      VarHandle.loadLoadFence();
      FloatVector a2 = FloatVector.broadcast(FLOATS, a[column + 2 * LD]);
      c2a = a2.fma(ba, c2a);
      c2b = a2.fma(bb, c2b);
      VarHandle.loadLoadFence();
      FloatVector a3 = FloatVector.broadcast(FLOATS, a[column + 3 * LD]);
      c3a = a3.fma(ba, c3a);
      c3b = a3.fma(bb, c3b);
      VarHandle.loadLoadFence();
      FloatVector a4 = FloatVector.broadcast(FLOATS, a[column + 4 * LD]);
      c4a = a4.fma(ba, c4a);
      c4b = a4.fma(bb, c4b);
      VarHandle.loadLoadFence();
      FloatVector a5 = FloatVector.broadcast(FLOATS, a[column + 5 * LD]);
      c5a = a5.fma(ba, c5a);
      c5b = a5.fma(bb, c5b);
    }
    c0a.intoArray(c, co);
    c0b.intoArray(c, co + COUNT);
    c1a.intoArray(c, co + 1 * NR);
    c1b.intoArray(c, co + 1 * NR + COUNT);
    c2a.intoArray(c, co + 2 * NR);
    c2b.intoArray(c, co + 2 * NR + COUNT);
    c3a.intoArray(c, co + 3 * NR);
    c3b.intoArray(c, co + 3 * NR + COUNT);
    c4a.intoArray(c, co + 4 * NR);
    c4b.intoArray(c, co + 4 * NR + COUNT);
    c5a.intoArray(c, co + 5 * NR);
    c5b.intoArray(c, co + 5 * NR + COUNT);
  }
}
