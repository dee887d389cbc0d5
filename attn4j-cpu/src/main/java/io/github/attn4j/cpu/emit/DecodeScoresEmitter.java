package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VCVTDQ2PS;
import static io.github.attn4j.cpu.asm.VectorOp.VFMADD231PS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMULPS;
import static io.github.attn4j.cpu.asm.VectorOp.VPANDD;
import static io.github.attn4j.cpu.asm.VectorOp.VPSLLD;
import static io.github.attn4j.cpu.asm.VectorOp.VPSRAD;
import static io.github.attn4j.cpu.asm.VectorOp.VSHUFF32X4;
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
import io.github.attn4j.cpu.asm.VectorOp;

/**
 * Scores of a few queries with keys that are read where they lie: {@code f(base, offset, stride,
 * keys, columns, queries, scores, next, factors)} leaves {@code scores[r][j] = sum over columns c
 * of queries[c][r] * key[j][c]}, each one chain over ascending c.
 *
 * <p>A lane is a key. Sixteen keys at a time are transposed in registers, from which each column
 * goes to one accumulator per query. Key j starts at {@code base + offset + j * stride}, in bytes;
 * keys and columns are multiples of 16. Where the keys lie one behind the other, those that come
 * next are fetched ahead; the ones behind the last of this call start at {@code base + next}.
 */
final class DecodeScoresEmitter {
  private static final Gpr KEY = Gpr.RDI;
  private static final Gpr STRIDE = Gpr.RDX;
  private static final Gpr KEYS = Gpr.RCX;
  private static final Gpr COLUMNS = Gpr.R8;
  private static final Gpr QUERIES = Gpr.R9;
  private static final Gpr SCORES = Gpr.R11;
  private static final Gpr NEXT = Gpr.R14;
  private static final Gpr FACTORS = Gpr.R15;
  private static final Gpr LEFT = Gpr.RAX;
  private static final Gpr AHEAD = Gpr.R10;
  private static final Gpr STRIDE3 = Gpr.R13;

  /** Where keys 0, 4, 8 and 12 stand. */
  private static final Gpr[] BASES = {Gpr.RSI, Gpr.RBX, Gpr.RBP, Gpr.R12};

  /** Keys of a block, and elements of each that are transposed at once. */
  private static final int LANES = DecodeReader.BLOCK;

  private final Frame frame;
  private final Assembler a;
  private final DecodeStorage storage;
  private final int rows;
  private final int scoreStep;
  private final int queryStep;

  /** Bytes of a key that one transposition reads. */
  private final int piece;

  private final DecodeReader reader;
  private final Vec factor;
  private final Vec upper;

  /** Sixteen registers that are transposed, and a spare one; which is which changes. */
  private final Vec[] matrix;

  /**
   * Prepares to emit.
   *
   * @param rows queries
   * @param scoreStep bytes between the rows of scores
   */
  DecodeScoresEmitter(Frame frame, DecodeStorage storage, int rows, int scoreStep) {
    this.frame = frame;
    this.a = frame.a;
    this.storage = storage;
    this.rows = rows;
    this.scoreStep = scoreStep;
    queryStep = 2 * frame.isa.bytes();
    piece = LANES * storage.packed * storage.bytes;
    reader = new DecodeReader(frame, storage, AHEAD, frame.stackArgument(6));
    matrix = frame.v(8, LANES + 1);
    factor = frame.v(30);
    upper = frame.v(31);
  }

  Label emit() {
    Label entry = frame.begin();
    a.mov(SCORES, frame.stackArgument(6));
    a.mov(NEXT, frame.stackArgument(7));
    a.mov(FACTORS, frame.stackArgument(8));
    a.add(NEXT, KEY);
    a.add(KEY, Gpr.RSI);
    a.lea(STRIDE3, Mem.at(STRIDE, STRIDE, 2, 0));
    reader.prepare(STRIDE, COLUMNS, LANES * piece);
    if (storage == DecodeStorage.BFLOAT16) {
      frame.constant(upper, Float.intBitsToFloat(0xffff_0000), LEFT);
    }
    a.align(32);
    Label block = a.here();
    block();
    a.sub(KEYS, LANES);
    a.jump(Condition.GREATER, block);
    frame.end();
    return entry;
  }

  private void block() {
    reader.start(KEYS, KEY, STRIDE, NEXT, QUERIES);
    a.mov(BASES[0], KEY);
    for (int b = 1; b < BASES.length; b++) {
      a.lea(BASES[b], Mem.at(BASES[b - 1], STRIDE, 4, 0));
    }
    a.lea(KEY, Mem.at(BASES[3], STRIDE, 4, 0));
    for (int r = 0; r < rows; r++) {
      frame.zero(frame.v(r));
    }
    if (storage == DecodeStorage.INT8_BY_KEY) {
      a.vector(VMOVUPS, factor, Mem.at(FACTORS, 0));
      a.add(FACTORS, LANES * Float.BYTES);
    }
    a.mov(LEFT, COLUMNS);
    steps(storage.packed);
    if (storage.packed > 1) {
      steps(1);
    }
    for (int r = 0; r < rows; r++) {
      a.vector(VMOVUPS_STORE, Mem.at(SCORES, r * scoreStep), frame.v(r));
    }
    a.add(SCORES, LANES * Float.BYTES);
    a.imul(LEFT, COLUMNS, queryStep);
    a.sub(QUERIES, LEFT);
    if (storage == DecodeStorage.INT8_BY_COLUMN) {
      a.lea(LEFT, Mem.at(COLUMNS, COLUMNS, 1, 0));
      a.add(LEFT, LEFT);
      a.sub(FACTORS, LEFT);
    }
  }

  /** As many transpositions of {@code packed * 16} columns as are left. */
  private void steps(int packed) {
    Label done = new Label();
    int columns = packed * LANES;
    a.sub(LEFT, columns);
    a.jump(Condition.LESS, done);
    a.align(32);
    Label body = a.here();
    load(packed);
    for (Gpr base : BASES) {
      a.add(base, columns * storage.bytes);
    }
    Vec[] dwords = transposed();
    int lines = packed == storage.packed ? LANES * piece / DecodeReader.LINE : 0;
    for (int c = 0; c < columns; c++) {
      column(c, dwords[c / packed], packed);
      if (c % packed == packed - 1 && c / packed < lines) {
        reader.fetch(c / packed);
      }
    }
    a.add(QUERIES, columns * queryStep);
    if (storage == DecodeStorage.INT8_BY_COLUMN) {
      a.add(FACTORS, columns * Float.BYTES);
    }
    if (lines > 0) {
      reader.moveOn();
    }
    a.sub(LEFT, columns);
    a.jump(Condition.GREATER_OR_EQUAL, body);
    a.bind(done);
    a.add(LEFT, columns);
  }

  private void load(int packed) {
    for (int j = 0; j < LANES; j++) {
      if (packed > 1) {
        a.vector(VMOVUPS, matrix[j], key(j));
      } else {
        reader.read(matrix[j], key(j));
      }
    }
  }

  private static Mem key(int j) {
    Gpr base = BASES[j / 4];
    return switch (j % 4) {
      case 0 -> Mem.at(base, 0);
      case 3 -> Mem.at(base, STRIDE3, 1, 0);
      default -> Mem.at(base, STRIDE, j % 4, 0);
    };
  }

  /** Adds one column of all keys times that column of each query. */
  private void column(int c, Vec dword, int packed) {
    Vec k = dword;
    if (packed > 1) {
      k = frame.v(25 + c % 4);
      if (storage == DecodeStorage.BFLOAT16) {
        if (c % 2 == 0) {
          a.vector(VPSLLD, k, dword, 16);
        } else {
          a.vector(VPANDD, k, dword, upper);
        }
      } else {
        Vec signed = dword;
        if (c % 4 < 3) {
          a.vector(VPSLLD, k, dword, 24 - 8 * (c % 4));
          signed = k;
        }
        a.vector(VPSRAD, k, signed, 24);
        a.vector(VCVTDQ2PS, k, k);
      }
    }
    if (storage == DecodeStorage.INT8_BY_KEY) {
      a.vector(VMULPS, k, k, factor);
    } else if (storage == DecodeStorage.INT8_BY_COLUMN) {
      a.vector(VMULPS, k, k, Mem.at(FACTORS, c * Float.BYTES).toAllLanes());
    }
    for (int r = 0; r < rows; r++) {
      Mem query = Mem.at(QUERIES, c * queryStep + r * Float.BYTES);
      a.vector(VFMADD231PS, frame.v(r), k, query.toAllLanes());
    }
  }

  /** Transposes the matrix; returns the registers of its columns in order. */
  private Vec[] transposed() {
    // Inside of each 128 bits, four keys at a time: vector 4g + i then holds columns i, 4 + i, ...
    for (int g = 0; g < LANES; g += 4) {
      exchange(VUNPCKLPS, VUNPCKHPS, g, g + 1);
      exchange(VUNPCKLPS, VUNPCKHPS, g + 2, g + 3);
      exchange(VUNPCKLPD, VUNPCKHPD, g, g + 2);
      exchange(VUNPCKLPD, VUNPCKHPD, g + 1, g + 3);
    }
    Vec[] columns = new Vec[LANES];
    for (int i = 0; i < 4; i++) {
      // Exchanging has left columns 0, 1, 2, 3 in places 0, 2, 1, 3.
      int at = i == 1 ? 2 : i == 2 ? 1 : i;
      shuffle(at, at + 4);
      shuffle(at + 8, at + 12);
      shuffle(at, at + 8);
      shuffle(at + 4, at + 12);
      columns[i] = matrix[at];
      columns[4 + i] = matrix[at + 4];
      columns[8 + i] = matrix[at + 8];
      columns[12 + i] = matrix[at + 12];
    }
    return columns;
  }

  /** {@code matrix[i], matrix[j] = low(both), high(both)}. */
  private void exchange(VectorOp low, VectorOp high, int i, int j) {
    Vec spare = matrix[LANES];
    a.vector(low, spare, matrix[i], matrix[j]);
    a.vector(high, matrix[j], matrix[i], matrix[j]);
    matrix[LANES] = matrix[i];
    matrix[i] = spare;
  }

  /** {@code matrix[i], matrix[j]} = the even 128 bits of both, the odd ones. */
  private void shuffle(int i, int j) {
    Vec spare = matrix[LANES];
    a.vector(VSHUFF32X4, spare, matrix[i], matrix[j], 0x88);
    a.vector(VSHUFF32X4, matrix[j], matrix[i], matrix[j], 0xDD);
    matrix[LANES] = matrix[i];
    matrix[i] = spare;
  }
}
