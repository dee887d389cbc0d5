package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VBROADCASTSS;
import static io.github.attn4j.cpu.asm.VectorOp.VDPBF16PS;
import static io.github.attn4j.cpu.asm.VectorOp.VFMADD231PS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMULPS;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;
import io.github.attn4j.cpu.asm.VectorOp;

/**
 * Products of two blocks of float32, register tile by register tile: {@code C[r][n] = (C[r][n] or
 * 0) + sum over k of A[k][r] * B[k][n]}, for n below two vectors and any number of rows.
 *
 * <p>Every element is one chain of fused multiply-adds over ascending k from its initial value, so
 * that it does not depend on its place in a tile.
 *
 * <p>Or products of bfloat16: then an element of A or B is a pair of them, of neighbouring depths,
 * the first in the low half, and {@code depth} counts pairs. The chain takes the second of a pair
 * before the first.
 */
final class GemmEmitter {
  /** Where the operands stand while a function runs. */
  private static final Gpr A = Gpr.RDI;

  private static final Gpr B = Gpr.RSI;
  private static final Gpr C = Gpr.RDX;
  private static final Gpr ROWS = Gpr.RCX;
  private static final Gpr DEPTH = Gpr.R8;

  /** A sixth argument: A_STEP where C is added to by panels, else NEXT. */
  private static final Gpr SIXTH = Gpr.R9;

  private static final Gpr A_STEP = Gpr.R12;
  private static final Gpr A_AT = Gpr.R10;
  private static final Gpr B_AT = Gpr.R11;
  private static final Gpr LEFT = Gpr.RAX;
  private static final Gpr BLOCK = Gpr.RBX;

  /** What is fetched ahead beside A: the next tile of C, or what the caller reads next. */
  private static final Gpr NEXT = Gpr.RBP;

  /**
   * Steps over k in the body of the loop. Measured: one leaves the counting in the way, four or
   * more are too much code for the decoded instructions' cache.
   */
  private static final int UNROLL = 2;

  /**
   * Bytes that a panel of A is fetched ahead, from the second level cache or the third. Measured:
   * anything from 1 to 4 KiB gains two percent.
   */
  private static final int AHEAD = 1536;

  private final Frame frame;
  private final Assembler a;
  private final Isa isa;
  private final VectorOp multiplyAdd;
  private final boolean accumulate;

  /** Bytes between elements of A of neighbouring rows, and of neighbouring k. */
  private final int rowStep;

  private final int depthStep;

  /** A is cut into blocks of so many k; 0 if it is in one. */
  private final int block;

  /** Bytes from the start of one such block to the next. */
  private final int blockStep;

  private GemmEmitter(
      Frame frame,
      VectorOp multiplyAdd,
      boolean accumulate,
      int rowStep,
      int depthStep,
      int block,
      int blockStep) {
    this.frame = frame;
    this.a = frame.a;
    this.isa = frame.isa;
    this.multiplyAdd = multiplyAdd;
    this.accumulate = accumulate;
    this.rowStep = rowStep;
    this.depthStep = depthStep;
    this.block = block;
    this.blockStep = blockStep;
  }

  /**
   * {@code f(A, B, C, rows, depth, aStep)}, or where nothing is added to C, {@code f(A, B, C, rows,
   * depth, next)} with aStep = depth * MR * 4: A in panels of MR rows, {@code A[p * aStep + (k * MR
   * + r) * 4]}, padded to whole panels, aStep in bytes. Rows are rounded up to even numbers: C has
   * room for whole panels. From next on, memory is fetched into the cache.
   */
  static GemmEmitter panels(Frame frame, boolean accumulate) {
    return new GemmEmitter(frame, VFMADD231PS, accumulate, 4, 4 * frame.isa.mr, 0, 0);
  }

  /**
   * As {@link #panels}, of pairs of bfloat16. What is not added to C is multiplied by a seventh
   * argument, the bits of a float.
   */
  static GemmEmitter pairPanels(Frame frame, boolean accumulate) {
    return new GemmEmitter(frame, VDPBF16PS, accumulate, 4, 4 * frame.isa.mr, 0, 0);
  }

  /**
   * {@code f(A, B, C, rows, depth, next)}: A is where a panel of scores stands, {@code A[k / NR *
   * panelBytes + r * NR * 4 + k % NR * 4]}; added to C.
   */
  static GemmEmitter rows(Frame frame, int panelBytes) {
    int nr = frame.isa.bytes() * 2;
    return new GemmEmitter(frame, VFMADD231PS, true, nr, 4, nr / 4, panelBytes);
  }

  /** As {@link #rows}, where the panel's numbers are bfloat16, and so in half the space. */
  static GemmEmitter pairRows(Frame frame, int panelBytes) {
    int nr = frame.isa.bytes();
    return new GemmEmitter(frame, VDPBF16PS, true, nr, 4, nr / 4, panelBytes);
  }

  Label emit() {
    Label entry = frame.begin();
    Label[] tails = new Label[isa.mr / 2];
    Label next = new Label();
    Label done = new Label();
    if (fetchesC()) {
      a.mov(A_STEP, SIXTH);
    } else {
      a.mov(NEXT, SIXTH);
      if (block > 0) {
        a.mov(A_STEP, (long) isa.mr * rowStep);
      } else {
        a.imul(A_STEP, DEPTH, depthStep);
      }
    }
    a.cmp(ROWS, isa.mr);
    a.jump(Condition.LESS, next);
    a.align(32);
    Label panel = a.here();
    tile(isa.mr);
    a.add(A, A_STEP);
    a.add(C, isa.mr * isa.bytes() * 2);
    a.sub(ROWS, isa.mr);
    a.cmp(ROWS, isa.mr);
    a.jump(Condition.GREATER_OR_EQUAL, panel);
    a.bind(next);
    a.cmp(ROWS, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    for (int t = 1; t < tails.length; t++) {
      tails[t] = new Label();
      a.cmp(ROWS, 2 * t);
      a.jump(Condition.LESS_OR_EQUAL, tails[t]);
    }
    tile(isa.mr);
    a.jmp(done);
    for (int t = 1; t < tails.length; t++) {
      a.bind(tails[t]);
      tile(2 * t);
      a.jmp(done);
    }
    a.bind(done);
    frame.end();
    return entry;
  }

  /** Where tiles of C are read and written once per few k, they are what is waited for. */
  private boolean fetchesC() {
    return accumulate && block == 0;
  }

  private Vec accumulator(int row, int half) {
    return frame.v((isa == Isa.AVX512 ? 8 : 4) + 2 * row + half);
  }

  private void tile(int rows) {
    int width = isa.bytes();
    for (int r = 0; r < rows; r++) {
      for (int half = 0; half < 2; half++) {
        if (accumulate) {
          a.vector(VMOVUPS, accumulator(r, half), Mem.at(C, (2 * r + half) * width));
        } else {
          frame.zero(accumulator(r, half));
        }
      }
    }
    a.mov(A_AT, A);
    a.mov(B_AT, B);
    if (fetchesC()) {
      a.lea(NEXT, Mem.at(C, rows * 2 * width));
    }
    if (block == 0) {
      a.mov(LEFT, DEPTH);
      loop(rows);
    } else {
      blocks(rows);
    }
    boolean scaled = multiplyAdd == VDPBF16PS && !accumulate;
    Vec factor = frame.v(0);
    if (scaled) {
      a.vector(VBROADCASTSS, factor, frame.stackArgument(6));
    }
    for (int r = 0; r < rows; r++) {
      for (int half = 0; half < 2; half++) {
        if (scaled) {
          a.vector(VMULPS, accumulator(r, half), accumulator(r, half), factor);
        }
        a.vector(VMOVUPS_STORE, Mem.at(C, (2 * r + half) * width), accumulator(r, half));
      }
    }
  }

  /** The loop over k once for each block of A. */
  private void blocks(int rows) {
    Label whole = new Label();
    Label done = new Label();
    a.mov(BLOCK, DEPTH);
    Label again = a.here();
    a.mov(LEFT, block);
    a.cmp(BLOCK, block);
    a.jump(Condition.GREATER_OR_EQUAL, whole);
    a.mov(LEFT, BLOCK);
    a.bind(whole);
    a.sub(BLOCK, block);
    loop(rows);
    a.cmp(BLOCK, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    a.add(A_AT, blockStep - block * depthStep);
    a.jmp(again);
    a.bind(done);
  }

  /** Runs through LEFT steps over k and moves A_AT and B_AT behind them. */
  private void loop(int rows) {
    Label single = new Label();
    Label done = new Label();
    a.sub(LEFT, UNROLL);
    a.jump(Condition.LESS, single);
    a.align(32);
    Label body = a.here();
    for (int k = 0; k < UNROLL; k++) {
      step(rows, k);
      if (block == 0) {
        a.prefetch(Mem.at(A_AT, AHEAD + k * depthStep));
      }
    }
    if (fetchesC()) {
      a.prefetch(Mem.at(NEXT, 0));
      // Half a cache line per turn is enough to have all of the tile in time.
      a.add(NEXT, 32);
    } else {
      // What comes later must not drive out of the first level cache what is in use.
      a.prefetchSecond(Mem.at(NEXT, 0));
      a.add(NEXT, 64);
    }
    a.add(A_AT, UNROLL * depthStep);
    a.add(B_AT, UNROLL * 2 * isa.bytes());
    a.sub(LEFT, UNROLL);
    a.jump(Condition.GREATER_OR_EQUAL, body);
    a.bind(single);
    a.add(LEFT, UNROLL);
    a.jump(Condition.LESS_OR_EQUAL, done);
    Label one = a.here();
    step(rows, 0);
    a.add(A_AT, depthStep);
    a.add(B_AT, 2 * isa.bytes());
    a.sub(LEFT, 1);
    a.jump(Condition.GREATER, one);
    a.bind(done);
  }

  private void step(int rows, int k) {
    int width = isa.bytes();
    Vec b0 = frame.v(0);
    Vec b1 = frame.v(1);
    a.vector(VMOVUPS, b0, Mem.at(B_AT, 2 * k * width));
    a.vector(VMOVUPS, b1, Mem.at(B_AT, (2 * k + 1) * width));
    int spare = isa == Isa.AVX512 ? 6 : 2;
    for (int r = 0; r < rows; r++) {
      Vec one = frame.v(2 + r % spare);
      a.vector(VBROADCASTSS, one, Mem.at(A_AT, r * rowStep + k * depthStep));
      a.vector(multiplyAdd, accumulator(r, 0), one, b0);
      a.vector(multiplyAdd, accumulator(r, 1), one, b1);
    }
  }
}
