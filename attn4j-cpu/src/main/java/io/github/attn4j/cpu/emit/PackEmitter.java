package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VBROADCASTSS;
import static io.github.attn4j.cpu.asm.VectorOp.VCMPPS;
import static io.github.attn4j.cpu.asm.VectorOp.VEXTRACTF128;
import static io.github.attn4j.cpu.asm.VectorOp.VEXTRACTF32X4;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVD_FROM_GPR;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVLPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVMSKPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMULPS;
import static io.github.attn4j.cpu.asm.VectorOp.VPOR;
import static io.github.attn4j.cpu.asm.VectorOp.VPORD;
import static io.github.attn4j.cpu.asm.VectorOp.VSUBPS;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;

/**
 * Cuts rows of float32 into panels of columns, and looks through rows for what is not finite. Rows
 * may start anywhere and are read to their last column, no further; strides are in bytes.
 */
final class PackEmitter {
  private static final Gpr SRC = Gpr.RDI;
  private static final Gpr STRIDE = Gpr.RSI;
  private static final Gpr COUNT = Gpr.RDX;
  private static final Gpr COLUMNS = Gpr.R10;
  private static final Gpr DST = Gpr.R8;
  private static final Gpr FACTOR = Gpr.R9;
  private static final Gpr LEFT = Gpr.R11;
  private static final Gpr FROM = Gpr.RBX;
  private static final Gpr TO = Gpr.RBP;
  private static final Gpr PANEL_STEP = Gpr.R12;
  private static final Gpr REST = Gpr.R13;
  private static final Gpr PANEL_SRC = Gpr.R14;
  private static final Gpr PANEL_DST = Gpr.R15;
  private static final Gpr RUN = Gpr.RCX;
  private static final Gpr INDEX = Gpr.R9;
  private static final Gpr SCRATCH = Gpr.RAX;

  /** Predicate of a comparison: either is NaN. */
  private static final int UNORDERED = 3;

  /** Rows that are brought to all panels together: not more than a cache set has ways. */
  private static final int ROWS = 8;

  /** Vectors that are looked through at once. */
  private static final int UNROLL = 4;

  private final Frame frame;
  private final Assembler a;
  private final int bytes;
  private final int mr;
  private final LaneMasks masks;

  /** Writes a table among the code: not inside a function. */
  PackEmitter(Frame frame) {
    this.frame = frame;
    this.a = frame.a;
    this.bytes = frame.isa.bytes();
    this.mr = frame.isa.mr;
    masks = new LaneMasks(frame);
  }

  /**
   * {@code f(src, srcStride, count, columns, dst)}: {@code dst[(p * count + row) * MR + r] =
   * src[row][p * MR + r]}, zero in columns that fill up the last panel. Writes ceil(columns / MR) *
   * count * MR floats.
   */
  Label columnPanels() {
    Vec row = frame.v(0);
    int upper = mr * 4 - bytes / 2;
    Runnable whole =
        () -> {
          a.vector(VMOVUPS, row.as(bytes * 4), Mem.at(FROM, 0));
          a.vector(VMOVUPS_STORE, Mem.at(TO, 0), row.as(bytes * 4));
          if (upper == 16) {
            a.vector(VMOVUPS, row.as(128), Mem.at(FROM, bytes / 2));
            a.vector(VMOVUPS_STORE, Mem.at(TO, bytes / 2), row.as(128));
          } else {
            a.mov(SCRATCH, Mem.at(FROM, bytes / 2));
            a.mov(Mem.at(TO, bytes / 2), SCRATCH);
          }
        };
    Runnable part =
        () -> {
          masks.read(row, 0, Mem.at(FROM, 0));
          storeRows(frame, Mem.at(TO, 0), Mem.at(TO, bytes / 2), row, frame.v(1));
        };
    return panels(mr, whole, part, false);
  }

  /**
   * {@code f(src, srcStride, count, columns, dst, factor)}: {@code dst[(p * count + row) * NR + n]
   * = src[row][p * NR + n] * factor}, a zero times the factor in columns that fill up the last
   * panel. Writes ceil(columns / NR) * count * NR floats.
   */
  Label widePanels() {
    Runnable whole =
        () -> {
          for (int half = 0; half < 2; half++) {
            a.vector(VMULPS, frame.v(half), factor(), Mem.at(FROM, half * bytes));
            a.vector(VMOVUPS_STORE, Mem.at(TO, half * bytes), frame.v(half));
          }
        };
    Runnable part =
        () -> {
          for (int half = 0; half < 2; half++) {
            masks.read(frame.v(half), half, Mem.at(FROM, half * bytes));
            a.vector(VMULPS, frame.v(half), factor(), frame.v(half));
            a.vector(VMOVUPS_STORE, Mem.at(TO, half * bytes), frame.v(half));
          }
        };
    return panels(bytes / 2, whole, part, true);
  }

  private Vec factor() {
    return frame.v(2);
  }

  /**
   * A few rows after the other, each few to all panels: what is read stays near until all of it is
   * used, and what is written is written in runs.
   *
   * @param width columns of a panel
   * @param whole moves so many from FROM to TO
   * @param part moves what is left of a row, and fills up
   */
  private Label panels(int width, Runnable whole, Runnable part, boolean factor) {
    Label few = new Label();
    Label partial = new Label();
    Label next = new Label();
    Label done = new Label();
    Label entry = frame.begin();
    a.mov(COLUMNS, Gpr.RCX);
    if (factor) {
      a.vector(VMOVD_FROM_GPR, factor().as(128), FACTOR);
      a.vector(VBROADCASTSS, factor(), factor().as(128));
    }
    a.imul(PANEL_STEP, COUNT, width * 4);
    a.mov(REST, COLUMNS);
    Label divide = a.here();
    a.sub(REST, width);
    a.jump(Condition.GREATER_OR_EQUAL, divide);
    a.add(REST, width);
    masks.load(REST);
    a.cmp(COUNT, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    Label rows = a.here();
    a.mov(RUN, COUNT);
    a.cmp(COUNT, ROWS);
    a.jump(Condition.LESS, few);
    a.mov(RUN, ROWS);
    a.bind(few);
    a.mov(PANEL_SRC, SRC);
    a.mov(PANEL_DST, DST);
    a.mov(LEFT, COLUMNS);
    a.sub(LEFT, width);
    a.jump(Condition.LESS, partial);
    Label panel = a.here();
    run(width, whole);
    a.add(PANEL_SRC, width * 4);
    a.add(PANEL_DST, PANEL_STEP);
    a.sub(LEFT, width);
    a.jump(Condition.GREATER_OR_EQUAL, panel);
    a.bind(partial);
    a.test(REST, REST);
    a.jump(Condition.EQUAL, next);
    run(width, part);
    a.bind(next);
    a.imul(RUN, STRIDE);
    a.add(SRC, RUN);
    a.add(DST, ROWS * width * 4);
    a.sub(COUNT, ROWS);
    a.jump(Condition.GREATER, rows);
    a.bind(done);
    frame.end();
    return entry;
  }

  /** Moves RUN rows of one panel. */
  private void run(int width, Runnable piece) {
    a.mov(FROM, PANEL_SRC);
    a.mov(TO, PANEL_DST);
    a.mov(INDEX, RUN);
    a.align(32);
    Label row = a.here();
    piece.run();
    a.add(FROM, STRIDE);
    a.add(TO, width * 4);
    a.sub(INDEX, 1);
    a.jump(Condition.GREATER, row);
  }

  /**
   * Stores the first MR lanes of a vector, which are three quarters of it.
   *
   * @param to a place for them
   * @param upper half a vector behind it
   * @param spare is overwritten
   */
  static void storeRows(Frame frame, Mem to, Mem upper, Vec from, Vec spare) {
    frame.a.vector(VMOVUPS_STORE, to, from.as(frame.isa.bits / 2));
    if (frame.isa == Isa.AVX512) {
      frame.a.vector(VEXTRACTF32X4, upper, from, 2);
    } else {
      frame.a.vector(VEXTRACTF128, spare.as(128), from, 1);
      frame.a.vector(VMOVLPS_STORE, upper, spare.as(128));
    }
  }

  /**
   * {@code f(src, srcStride, count, columns)}: returns a number other than 0 if any element is NaN
   * or infinite.
   */
  Label anyNotFinite() {
    Label vector = new Label();
    Label rest = new Label();
    Label next = new Label();
    Label done = new Label();
    int lanes = bytes / 4;
    Label entry = frame.begin();
    a.mov(COLUMNS, Gpr.RCX);
    for (int i = 0; i < UNROLL; i++) {
      frame.zero(frame.v(i));
    }
    a.mov(REST, COLUMNS);
    a.and(REST, lanes - 1);
    masks.load(REST);
    a.cmp(COUNT, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    Label row = a.here();
    a.mov(FROM, SRC);
    a.mov(LEFT, COLUMNS);
    a.sub(LEFT, UNROLL * lanes);
    a.jump(Condition.LESS, vector);
    Label body = a.here();
    for (int i = 0; i < UNROLL; i++) {
      a.vector(VMOVUPS, frame.v(UNROLL + i), Mem.at(FROM, i * bytes));
      look(i);
    }
    a.add(FROM, UNROLL * bytes);
    a.sub(LEFT, UNROLL * lanes);
    a.jump(Condition.GREATER_OR_EQUAL, body);
    a.bind(vector);
    a.add(LEFT, (UNROLL - 1) * lanes);
    a.jump(Condition.LESS, rest);
    Label single = a.here();
    a.vector(VMOVUPS, frame.v(UNROLL), Mem.at(FROM, 0));
    look(0);
    a.add(FROM, bytes);
    a.sub(LEFT, lanes);
    a.jump(Condition.GREATER_OR_EQUAL, single);
    a.bind(rest);
    a.test(REST, REST);
    a.jump(Condition.EQUAL, next);
    masks.read(frame.v(UNROLL), 0, Mem.at(FROM, 0));
    look(0);
    a.bind(next);
    a.add(SRC, STRIDE);
    a.sub(COUNT, 1);
    a.jump(Condition.GREATER, row);
    a.bind(done);
    result();
    frame.end();
    return entry;
  }

  /** x - x is zero, all bits of it, if x is finite, else NaN; and NaN or-ed with NaN is NaN. */
  private void look(int i) {
    Vec x = frame.v(UNROLL + i);
    a.vector(VSUBPS, x, x, x);
    or(frame.v(i), x);
  }

  private void or(Vec to, Vec with) {
    a.vector(frame.isa == Isa.AVX512 ? VPORD : VPOR, to, to, with);
  }

  private void result() {
    Vec all = frame.v(0);
    for (int i = 1; i < UNROLL; i++) {
      or(all, frame.v(i));
    }
    if (frame.isa == Isa.AVX512) {
      a.compare(VCMPPS, 1, all, all, UNORDERED);
      a.kmovw(Gpr.RAX, 1);
    } else {
      a.vector(VCMPPS, all, all, all, UNORDERED);
      a.vector(VMOVMSKPS, Gpr.RAX, all);
    }
  }
}
