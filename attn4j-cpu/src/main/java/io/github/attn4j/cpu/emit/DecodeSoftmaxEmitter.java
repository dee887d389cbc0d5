package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VADDPS;
import static io.github.attn4j.cpu.asm.VectorOp.VBROADCASTSS;
import static io.github.attn4j.cpu.asm.VectorOp.VCMPPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMAXPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVAPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVSS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMULPS;
import static io.github.attn4j.cpu.asm.VectorOp.VSHUFF32X4;
import static io.github.attn4j.cpu.asm.VectorOp.VSHUFPS;
import static io.github.attn4j.cpu.asm.VectorOp.VSUBPS;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;
import java.util.Arrays;

/**
 * One step of the running softmax of a few queries, whose scores stand in rows: {@code f(scores,
 * keys, rowMax, rowSum, out, columns)}. The operations on each query are those of {@link
 * SoftmaxEmitter}, in its order, so that the results are the same to the bit.
 *
 * <p>There is room for 16 scores behind the last of each row, and for a vector of 8 behind all
 * rows. Columns are a multiple of 16.
 */
final class DecodeSoftmaxEmitter {
  private static final Gpr SCORES = Gpr.RDI;
  private static final Gpr KEYS = Gpr.RSI;
  private static final Gpr ROW_MAX = Gpr.RDX;
  private static final Gpr ROW_SUM = Gpr.RCX;
  private static final Gpr OUT = Gpr.R8;
  private static final Gpr COLUMNS = Gpr.R9;
  private static final Gpr AT = Gpr.RAX;
  private static final Gpr LEFT = Gpr.R10;
  private static final Gpr TABLE = Gpr.RBX;

  private static final int NOT_EQUAL = 4;
  private static final int LANES = 16;
  private static final int VECTOR = 64;

  /** Queries whose exponentials go side by side. */
  private static final int ABREAST = 4;

  private final Frame frame;
  private final Assembler a;
  private final int rows;
  private final int scoreStep;
  private final int outStep;
  private final ExpEmitter exp;

  /** One register per query: the maxima, then their factors, then the sums. */
  private final Vec[] perRow;

  private final Vec[] xs;
  private final Vec[] zs;
  private final Vec[] ps;
  private final Vec spare;

  /**
   * Prepares to emit.
   *
   * @param rows queries: 4 or 8
   * @param scoreStep bytes between the rows of scores
   * @param outStep bytes between the rows of out
   */
  DecodeSoftmaxEmitter(Frame frame, int rows, int scoreStep, int outStep) {
    this.frame = frame;
    this.a = frame.a;
    this.rows = rows;
    this.scoreStep = scoreStep;
    this.outStep = outStep;
    perRow = frame.v(0, 8);
    xs = frame.v(8, ABREAST);
    zs = frame.v(12, ABREAST);
    ps = frame.v(16, ABREAST);
    spare = frame.v(20);
    exp = new ExpEmitter(frame, 21, TABLE);
  }

  Label emit() {
    Label entry = frame.begin();
    frame.constant(spare, Float.NEGATIVE_INFINITY, TABLE);
    exp.load();
    maxima();
    for (int first = 0; first < rows; first += ABREAST) {
      moveOn(first);
    }
    rescale();
    exponents();
    for (int r = 0; r < rows; r++) {
      Vec sum = perRow[r].as(128);
      a.vector(VADDPS, sum, sum, Mem.at(ROW_SUM, r * Float.BYTES).toAllLanes());
      a.vector(VMOVSS_STORE, Mem.at(ROW_SUM, r * Float.BYTES), sum);
    }
    frame.end();
    return entry;
  }

  /** Leaves the largest score of each query in all lanes of its register; NaN is passed over. */
  private void maxima() {
    a.lea(AT, Mem.at(SCORES, KEYS, Float.BYTES, 0));
    for (int r = 0; r < rows; r++) {
      // What fills up the last vector never counts: e^-inf is zero.
      a.vector(VMOVUPS_STORE, Mem.at(AT, r * scoreStep), spare);
      a.vector(VBROADCASTSS, perRow[r], Mem.at(ROW_MAX, r * Float.BYTES));
    }
    a.mov(AT, SCORES);
    a.mov(LEFT, KEYS);
    Label body = a.here();
    for (int r = 0; r < rows; r++) {
      Vec score = xs[r % ABREAST];
      a.vector(VMOVUPS, score, Mem.at(AT, r * scoreStep));
      // The second operand is taken if either is NaN: the maximum so far never is.
      a.vector(VMAXPS, perRow[r], score, perRow[r]);
    }
    a.add(AT, VECTOR);
    a.sub(LEFT, LANES);
    a.jump(Condition.GREATER, body);
    for (int half : new int[] {0x4E, 0xB1}) {
      for (int r = 0; r < rows; r++) {
        Vec other = xs[r % ABREAST];
        a.vector(VSHUFF32X4, other, perRow[r], perRow[r], half);
        a.vector(VMAXPS, perRow[r], perRow[r], other);
      }
    }
    for (int half : new int[] {0x4E, 0xB1}) {
      for (int r = 0; r < rows; r++) {
        Vec other = xs[r % ABREAST];
        a.vector(VSHUFPS, other, perRow[r], perRow[r], half);
        a.vector(VMAXPS, perRow[r], perRow[r], other);
      }
    }
  }

  /** Moves some queries to their new maxima, and leaves the factor of what they have so far. */
  private void moveOn(int first) {
    for (int i = 0; i < ABREAST; i++) {
      int r = first + i;
      Vec max = perRow[r];
      a.vector(VBROADCASTSS, xs[i], Mem.at(ROW_MAX, r * Float.BYTES));
      a.vector(VMOVSS_STORE, Mem.at(ROW_MAX, r * Float.BYTES), max.as(128));
      // A row that has seen nothing keeps its empty state by name: (-inf) - (-inf) would be NaN.
      a.compare(VCMPPS, 1, max, spare, NOT_EQUAL);
      a.vector(VMOVAPS, max.orZero(1), max);
      a.vector(VMOVSS_STORE, base(r), max.as(128));
      a.vector(VSUBPS, xs[i], xs[i], max);
    }
    exp.exp(xs, zs, Arrays.copyOfRange(perRow, first, first + ABREAST));
    for (int r = first; r < first + ABREAST; r++) {
      Vec sum = xs[0].as(128);
      Mem place = Mem.at(ROW_SUM, r * Float.BYTES);
      a.vector(VMULPS, sum, perRow[r].as(128), place.toAllLanes());
      a.vector(VMOVSS_STORE, place, sum);
    }
  }

  /** Where what is subtracted from the scores of a query stands. */
  private Mem base(int r) {
    return Mem.at(SCORES, rows * scoreStep + r * Float.BYTES);
  }

  private void rescale() {
    a.mov(AT, OUT);
    a.mov(LEFT, COLUMNS);
    Label body = a.here();
    for (int r = 0; r < rows; r++) {
      Vec out = xs[r % ABREAST];
      a.vector(VMULPS, out, perRow[r], Mem.at(AT, r * outStep));
      a.vector(VMOVUPS_STORE, Mem.at(AT, r * outStep), out);
    }
    a.add(AT, VECTOR);
    a.sub(LEFT, LANES);
    a.jump(Condition.GREATER, body);
    for (int r = 0; r < rows; r++) {
      frame.zero(perRow[r]);
    }
  }

  private void exponents() {
    a.mov(AT, SCORES);
    a.zero(LEFT);
    a.align(32);
    Label body = a.here();
    for (int first = 0; first < rows; first += ABREAST) {
      for (int i = 0; i < ABREAST; i++) {
        a.vector(VMOVUPS, xs[i], Mem.at(AT, (first + i) * scoreStep));
        a.vector(VSUBPS, xs[i], xs[i], base(first + i).toAllLanes());
      }
      exp.exp(xs, zs, ps);
      for (int i = 0; i < ABREAST; i++) {
        a.vector(VMOVUPS_STORE, Mem.at(AT, (first + i) * scoreStep), ps[i]);
      }
    }
    for (int j = 0; j < LANES; j++) {
      for (int r = 0; r < rows; r++) {
        Vec sum = perRow[r].as(128);
        a.vector(VADDPS, sum, sum, Mem.at(AT, r * scoreStep + j * Float.BYTES).toAllLanes());
      }
    }
    a.add(AT, VECTOR);
    a.add(LEFT, LANES);
    a.cmp(LEFT, KEYS);
    a.jump(Condition.LESS, body);
  }
}
