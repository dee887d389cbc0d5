package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VBROADCASTSS;
import static io.github.attn4j.cpu.asm.VectorOp.VEXTRACTF128;
import static io.github.attn4j.cpu.asm.VectorOp.VEXTRACTF32X4;
import static io.github.attn4j.cpu.asm.VectorOp.VINSERTF128;
import static io.github.attn4j.cpu.asm.VectorOp.VINSERTF32X4;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVD_FROM_GPR;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVSS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVSS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMULPS;
import static io.github.attn4j.cpu.asm.VectorOp.VUNPCKHPD;
import static io.github.attn4j.cpu.asm.VectorOp.VUNPCKHPS;
import static io.github.attn4j.cpu.asm.VectorOp.VUNPCKLPD;
import static io.github.attn4j.cpu.asm.VectorOp.VUNPCKLPS;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;

/**
 * Transposes rows of float32 into panels that have a row in each lane, and back. Rows may start
 * anywhere and are touched to their last column, no further; strides are in bytes.
 *
 * <p>Four columns of all rows of a panel are read so that four vectors hold row i of each group of
 * four rows in their 128-bit parts; a transposition of 4 by 4 inside of these parts then leaves
 * whole columns. So most of the work is done by loads, and not by shuffles, of which there is one a
 * cycle.
 */
final class TransposeEmitter {
  /** What a panel is made of. */
  private enum Kind {
    /** MR rows, from rows. */
    NARROW,
    /** Two vectors of rows, times a factor, from rows. */
    WIDE,
    /** Two vectors of rows, every bit as it is, from rows. */
    PLAIN,
    /** Two vectors of rows, to rows. */
    BACK
  }

  private static final Gpr ROWS = Gpr.RDI;
  private static final Gpr STRIDE = Gpr.RSI;
  private static final Gpr COUNT = Gpr.RDX;
  private static final Gpr COLUMNS = Gpr.RCX;
  private static final Gpr PANEL = Gpr.R8;
  private static final Gpr FACTOR = Gpr.R9;
  private static final Gpr STRIDE3 = Gpr.R9;
  private static final Gpr AT = Gpr.R10;
  private static final Gpr LEFT = Gpr.R11;

  /** Where rows 0, 4, 8 and 12 of a group stand. */
  private static final Gpr[] BASES = {Gpr.RAX, Gpr.RBX, Gpr.RBP, Gpr.R12};

  private static final Gpr ROW = Gpr.R13;
  private static final Gpr INDEX = Gpr.R14;
  private static final Gpr PANEL_STEP = Gpr.R15;

  private final Frame frame;
  private final Assembler a;
  private final Kind kind;
  private final int bytes;

  /** Columns of a whole step, in fours. */
  private final int quads;

  /** Rows that are transposed at once. */
  private final int size;

  /** Bytes between columns of a panel. */
  private final int columnStep;

  private TransposeEmitter(Frame frame, Kind kind) {
    this.frame = frame;
    this.a = frame.a;
    this.kind = kind;
    this.bytes = frame.isa.bytes();
    quads = bytes / 16;
    size = kind == Kind.NARROW ? frame.isa.mr : bytes / 4;
    columnStep = kind == Kind.NARROW ? 4 * size : 2 * bytes;
  }

  /**
   * {@code f(src, srcStride, count, columns, dst)}: {@code dst[(p * columns + c) * MR + r] = src[p
   * * MR + r][c]}, zero in rows that fill up the last panel. Writes ceil(count / MR) * columns * MR
   * floats.
   */
  static Label rowPanels(Frame frame) {
    return new TransposeEmitter(frame, Kind.NARROW).rowPanels();
  }

  /**
   * {@code f(src, srcStride, count, columns, dst, factor)}: {@code dst[(p * columns + c) * NR + n]
   * = src[p * NR + n][c] * factor}, a zero of either sign in rows that fill up the last panel.
   * Writes ceil(count / NR) * columns * NR floats.
   */
  static Label transposedPanels(Frame frame) {
    return new TransposeEmitter(frame, Kind.WIDE).transposedPanels();
  }

  /**
   * {@code f(src, srcStride, count, columns, dst)}: as {@link #transposedPanels} without a factor,
   * for any elements of 32 bits.
   */
  static Label transposedBits(Frame frame) {
    return new TransposeEmitter(frame, Kind.PLAIN).transposedPanels();
  }

  /**
   * {@code f(dst, dstStride, count, columns, src, paddedColumns)}: {@code dst[p * NR + n][c] =
   * src[(p * paddedColumns + c) * NR + n]} in count rows and their columns.
   */
  static Label fromPanels(Frame frame) {
    return new TransposeEmitter(frame, Kind.BACK).fromPanels();
  }

  private Label rowPanels() {
    Label group = group();
    Label done = new Label();
    Label entry = frame.begin();
    a.lea(STRIDE3, Mem.at(STRIDE, STRIDE, 2, 0));
    a.mov(AT, PANEL);
    a.cmp(COUNT, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    Label panel = a.here();
    a.call(group);
    a.sub(COUNT, size);
    a.jump(Condition.GREATER, panel);
    a.bind(done);
    frame.end();
    return entry;
  }

  private Label transposedPanels() {
    Label group = group();
    Label entry = frame.begin();
    if (kind == Kind.WIDE) {
      a.vector(VMOVD_FROM_GPR, factor().as(128), FACTOR);
      a.vector(VBROADCASTSS, factor(), factor().as(128));
    }
    a.imul(PANEL_STEP, COLUMNS, columnStep);
    panels(group);
    return entry;
  }

  private Label fromPanels() {
    Label group = group();
    Label entry = frame.begin();
    a.imul(PANEL_STEP, Gpr.R9, columnStep);
    panels(group);
    return entry;
  }

  /** Both halves of each panel, and the end of the function. */
  private void panels(Label group) {
    Label done = new Label();
    a.lea(STRIDE3, Mem.at(STRIDE, STRIDE, 2, 0));
    a.cmp(COUNT, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    Label panel = a.here();
    a.mov(AT, PANEL);
    a.call(group);
    a.sub(COUNT, size);
    if (kind == Kind.BACK) {
      a.jump(Condition.LESS_OR_EQUAL, done);
    }
    a.lea(AT, Mem.at(PANEL, bytes));
    a.call(group);
    a.add(PANEL, PANEL_STEP);
    a.sub(COUNT, size);
    a.jump(Condition.GREATER, panel);
    a.bind(done);
    frame.end();
  }

  /**
   * A subroutine: the next rows, COUNT or as many as go at once, at AT; moves ROWS and AT on. Each
   * number of rows has code of its own, so that the whole ones pay nothing for the others.
   */
  private Label group() {
    Label tail = new Label();
    Label few = new Label();
    frame.a.align(64);
    Label entry = a.here();
    pointers();
    a.mov(LEFT, COLUMNS);
    a.cmp(COUNT, size);
    a.jump(Condition.LESS, few);
    wholeSteps();
    quadSteps(size);
    a.jmp(tail);
    a.bind(few);
    Label[] starts = new Label[size];
    for (int rows = 1; rows < size; rows++) {
      starts[rows] = new Label();
      a.cmp(COUNT, rows);
      a.jump(Condition.EQUAL, starts[rows]);
    }
    if (kind == Kind.WIDE || kind == Kind.PLAIN) {
      zeros();
    }
    for (int rows = 1; rows < size; rows++) {
      a.bind(starts[rows]);
      quadSteps(rows);
      a.jmp(tail);
    }
    a.bind(tail);
    lastColumns();
    return entry;
  }

  private void pointers() {
    int bases = Math.ceilDiv(size, 4);
    a.mov(BASES[0], ROWS);
    for (int b = 1; b < bases; b++) {
      a.lea(BASES[b], Mem.at(BASES[b - 1], STRIDE, 4, 0));
    }
    a.lea(ROWS, Mem.at(BASES[bases - 1], STRIDE, size - 4 * (bases - 1), 0));
  }

  private void wholeSteps() {
    Label body = new Label();
    Label done = new Label();
    int columns = 4 * quads;
    // A column of MR rows is stored as a whole vector: another column must come to write over the
    // lanes behind it.
    boolean oneMore = kind == Kind.NARROW;
    a.sub(LEFT, columns);
    a.jump(oneMore ? Condition.LESS_OR_EQUAL : Condition.LESS, done);
    a.align(32);
    a.bind(body);
    step(size, quads);
    a.sub(LEFT, columns);
    a.jump(oneMore ? Condition.GREATER : Condition.GREATER_OR_EQUAL, body);
    a.bind(done);
    a.add(LEFT, columns);
  }

  /** Leaves in LEFT what is left, less 4. */
  private void quadSteps(int rows) {
    Label body = new Label();
    Label done = new Label();
    if (kind != Kind.BACK) {
      frame.zero(zero());
    }
    a.sub(LEFT, 4);
    a.jump(Condition.LESS, done);
    a.bind(body);
    step(rows, 1);
    a.sub(LEFT, 4);
    a.jump(Condition.GREATER_OR_EQUAL, body);
    a.bind(done);
  }

  /** Some fours of columns. */
  private void step(int rows, int fours) {
    if (kind == Kind.BACK) {
      readPanel(fours);
      writeRows(rows, fours);
    } else {
      readRows(rows, fours);
      writePanel(rows, fours);
    }
    for (int b = 0; 4 * b < rows; b++) {
      a.add(BASES[b], 16 * fours);
    }
    a.add(AT, 4 * fours * columnStep);
  }

  private void readRows(int rows, int fours) {
    for (int r = 0; r < rows; r++) {
      for (int q = 0; q < fours; q++) {
        Vec to = matrix(q, r % 4);
        if (r < 4) {
          a.vector(VMOVUPS, to.as(128), row(r, 16 * q));
        } else if (frame.isa == Isa.AVX512) {
          a.vector(VINSERTF32X4, to, to, row(r, 16 * q), r / 4);
        } else {
          a.vector(VINSERTF128, to, to, row(r, 16 * q), r / 4);
        }
      }
    }
  }

  private void writePanel(int rows, int fours) {
    for (int q = 0; q < fours; q++) {
      transpose(q, rows);
      for (int c = 0; c < 4; c++) {
        int at = (4 * q + c) * columnStep;
        Vec column = matrix(q, c);
        if (kind == Kind.WIDE) {
          a.vector(VMULPS, column, column, factor());
        }
        if (kind == Kind.NARROW && fours == 1) {
          Mem upper = Mem.at(AT, at + bytes / 2);
          PackEmitter.storeRows(frame, Mem.at(AT, at), upper, column, spare(0));
        } else {
          a.vector(VMOVUPS_STORE, Mem.at(AT, at), column);
        }
      }
    }
  }

  private void readPanel(int fours) {
    for (int q = 0; q < fours; q++) {
      for (int c = 0; c < 4; c++) {
        a.vector(VMOVUPS, matrix(q, c), Mem.at(AT, (4 * q + c) * columnStep));
      }
      transpose(q, size);
    }
  }

  private void writeRows(int rows, int fours) {
    for (int r = 0; r < rows; r++) {
      for (int q = 0; q < fours; q++) {
        Vec from = matrix(q, r % 4);
        if (r < 4) {
          a.vector(VMOVUPS_STORE, row(r, 16 * q), from.as(128));
        } else if (r < 8) {
          a.vector(VEXTRACTF128, row(r, 16 * q), from.as(256), 1);
        } else {
          a.vector(VEXTRACTF32X4, row(r, 16 * q), from, r / 4);
        }
      }
    }
  }

  /** Transposes 4 by 4 inside of each 128 bits; rows that were not read are zeros. */
  private void transpose(int q, int rows) {
    Vec[] from = new Vec[4];
    for (int i = 0; i < 4; i++) {
      from[i] = i < rows ? matrix(q, i) : zero();
    }
    a.vector(VUNPCKLPS, spare(0), from[0], from[1]);
    a.vector(VUNPCKHPS, spare(1), from[0], from[1]);
    a.vector(VUNPCKLPS, spare(2), from[2], from[3]);
    a.vector(VUNPCKHPS, spare(3), from[2], from[3]);
    a.vector(VUNPCKLPD, matrix(q, 0), spare(0), spare(2));
    a.vector(VUNPCKHPD, matrix(q, 1), spare(0), spare(2));
    a.vector(VUNPCKLPD, matrix(q, 2), spare(1), spare(3));
    a.vector(VUNPCKHPD, matrix(q, 3), spare(1), spare(3));
  }

  /** No row is left: columns of zeros, and the end of the subroutine. */
  private void zeros() {
    Label body = new Label();
    Label done = new Label();
    frame.zero(zero());
    a.cmp(LEFT, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    a.bind(body);
    a.vector(VMOVUPS_STORE, Mem.at(AT, 0), zero());
    a.add(AT, columnStep);
    a.sub(LEFT, 1);
    a.jump(Condition.GREATER, body);
    a.bind(done);
    a.ret();
  }

  /** The last one to three columns, element by element, and the end of the subroutine. */
  private void lastColumns() {
    Label column = new Label();
    Label done = new Label();
    a.add(LEFT, 4);
    a.jump(Condition.LESS_OR_EQUAL, done);
    a.bind(column);
    a.mov(ROW, BASES[0]);
    a.zero(INDEX);
    Label element = a.here();
    oneElement();
    a.add(ROW, STRIDE);
    a.add(INDEX, 1);
    a.cmp(INDEX, size);
    a.jump(Condition.LESS, element);
    a.add(BASES[0], 4);
    a.add(AT, columnStep);
    a.sub(LEFT, 1);
    a.jump(Condition.GREATER, column);
    a.bind(done);
    a.ret();
  }

  private void oneElement() {
    Label missing = new Label();
    Vec x = matrix(0, 0).as(128);
    Mem inRow = Mem.at(ROW, 0);
    Mem inPanel = Mem.at(AT, INDEX, 4, 0);
    frame.zero(x);
    a.cmp(INDEX, COUNT);
    a.jump(Condition.GREATER_OR_EQUAL, missing);
    a.vector(VMOVSS, x, kind == Kind.BACK ? inPanel : inRow);
    if (kind == Kind.WIDE) {
      a.vector(VMULPS, x, x, factor().as(128));
    }
    if (kind == Kind.BACK) {
      a.vector(VMOVSS_STORE, inRow, x);
      a.bind(missing);
    } else {
      a.bind(missing);
      a.vector(VMOVSS_STORE, inPanel, x);
    }
  }

  private static Mem row(int r, int displacement) {
    Gpr base = BASES[r / 4];
    return switch (r % 4) {
      case 0 -> Mem.at(base, displacement);
      case 3 -> Mem.at(base, STRIDE3, 1, displacement);
      default -> Mem.at(base, STRIDE, r % 4, displacement);
    };
  }

  private Vec matrix(int quad, int i) {
    return frame.v(4 * quad + i);
  }

  private Vec spare(int i) {
    return frame.v(4 * quads + i);
  }

  private Vec zero() {
    return frame.v(4 * quads + 4);
  }

  private Vec factor() {
    return frame.v(4 * quads + 5);
  }
}
