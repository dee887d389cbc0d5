package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VBROADCASTSS;
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

/**
 * Outputs of a few queries from values that are read where they lie: {@code f(base, offset, stride,
 * keys, columns, weights, out, next, factors)} does {@code out[r][c] += sum over keys j of
 * weights[r][j] * value[j][c]}, each one chain over ascending j.
 *
 * <p>A lane is a column. Of a block of keys, some columns of all queries are worked on at a time,
 * in 16 accumulators. Value j starts at {@code base + offset + j * stride}, in bytes; columns are a
 * multiple of 16. What comes next is fetched ahead as {@link DecodeReader} says.
 */
final class DecodeValuesEmitter {
  private static final Gpr VALUE = Gpr.RDI;
  private static final Gpr VALUE_AT = Gpr.RSI;
  private static final Gpr STRIDE = Gpr.RDX;
  private static final Gpr KEYS = Gpr.RCX;
  private static final Gpr COLUMNS = Gpr.R8;
  private static final Gpr WEIGHTS = Gpr.R9;
  private static final Gpr AHEAD = Gpr.R10;
  private static final Gpr OUT = Gpr.R11;
  private static final Gpr COLUMNS_LEFT = Gpr.R12;
  private static final Gpr OUT_AT = Gpr.R13;
  private static final Gpr WEIGHTS_AT = Gpr.R14;
  private static final Gpr FACTORS_AT = Gpr.R15;
  private static final Gpr BLOCK = Gpr.RBX;
  private static final Gpr LEFT = Gpr.RBP;
  private static final Gpr COLUMN = Gpr.RAX;

  private static final int ACCUMULATORS = 16;
  private static final int VECTOR = 64;
  private static final int LANES = VECTOR / Float.BYTES;

  private final Frame frame;
  private final Assembler a;
  private final DecodeStorage storage;
  private final int rows;
  private final int weightStep;
  private final int outStep;

  /** Vectors of columns that are worked on at a time. */
  private final int wide;

  private final Mem next;
  private final Mem factors;
  private final DecodeReader reader;

  /**
   * Prepares to emit.
   *
   * @param rows queries, at most 8
   * @param weightStep bytes between the rows of weights
   * @param outStep bytes between the rows of out
   */
  DecodeValuesEmitter(Frame frame, DecodeStorage storage, int rows, int weightStep, int outStep) {
    this.frame = frame;
    this.a = frame.a;
    this.storage = storage;
    this.rows = rows;
    this.weightStep = weightStep;
    this.outStep = outStep;
    wide = ACCUMULATORS / rows;
    next = frame.stackArgument(7);
    factors = frame.stackArgument(8);
    reader = new DecodeReader(frame, storage, AHEAD, frame.stackArgument(6));
  }

  Label emit() {
    Label entry = frame.begin();
    a.mov(OUT, frame.stackArgument(6));
    a.mov(COLUMN, next);
    a.add(COLUMN, VALUE);
    a.mov(next, COLUMN);
    a.add(VALUE, Gpr.RSI);
    reader.prepare(STRIDE, COLUMNS, wide * LANES * storage.bytes);
    Label block = a.here();
    block();
    a.sub(KEYS, DecodeReader.BLOCK);
    a.jump(Condition.GREATER, block);
    frame.end();
    return entry;
  }

  private void block() {
    Label whole = new Label();
    a.mov(LEFT, next);
    reader.start(KEYS, VALUE, STRIDE, LEFT, WEIGHTS);
    a.mov(BLOCK, DecodeReader.BLOCK);
    a.cmp(KEYS, DecodeReader.BLOCK);
    a.jump(Condition.GREATER_OR_EQUAL, whole);
    a.mov(BLOCK, KEYS);
    a.bind(whole);
    a.mov(COLUMN, VALUE);
    a.mov(OUT_AT, OUT);
    a.mov(COLUMNS_LEFT, COLUMNS);
    a.mov(FACTORS_AT, factors);
    passes(wide);
    passes(1);
    a.lea(WEIGHTS, Mem.at(WEIGHTS, BLOCK, Float.BYTES, 0));
    if (storage == DecodeStorage.INT8_BY_KEY) {
      a.mov(FACTORS_AT, factors);
      a.lea(FACTORS_AT, Mem.at(FACTORS_AT, BLOCK, Float.BYTES, 0));
      a.mov(factors, FACTORS_AT);
    }
    a.imul(COLUMN, STRIDE, DecodeReader.BLOCK);
    a.add(VALUE, COLUMN);
  }

  /** As many passes over {@code vectors * 16} columns as are left. */
  private void passes(int vectors) {
    Label done = new Label();
    int columns = vectors * LANES;
    a.sub(COLUMNS_LEFT, columns);
    a.jump(Condition.LESS, done);
    Label body = a.here();
    pass(vectors);
    a.add(COLUMN, columns * storage.bytes);
    a.add(OUT_AT, columns * Float.BYTES);
    if (storage == DecodeStorage.INT8_BY_COLUMN) {
      a.add(FACTORS_AT, columns * Float.BYTES);
    }
    a.sub(COLUMNS_LEFT, columns);
    a.jump(Condition.GREATER_OR_EQUAL, body);
    a.bind(done);
    a.add(COLUMNS_LEFT, columns);
  }

  private void pass(int vectors) {
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < vectors; i++) {
        a.vector(VMOVUPS, accumulator(r, i), Mem.at(OUT_AT, r * outStep + i * VECTOR));
      }
    }
    a.mov(VALUE_AT, COLUMN);
    a.mov(WEIGHTS_AT, WEIGHTS);
    a.mov(LEFT, BLOCK);
    if (storage == DecodeStorage.INT8_BY_KEY) {
      a.mov(FACTORS_AT, factors);
    }
    a.align(32);
    Label key = a.here();
    key(vectors);
    a.sub(LEFT, 1);
    a.jump(Condition.GREATER, key);
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < vectors; i++) {
        a.vector(VMOVUPS_STORE, Mem.at(OUT_AT, r * outStep + i * VECTOR), accumulator(r, i));
      }
    }
  }

  /** One key for some columns of all queries. */
  private void key(int vectors) {
    for (int i = 0; i < vectors; i++) {
      reader.read(value(i), Mem.at(VALUE_AT, i * LANES * storage.bytes));
      if (storage == DecodeStorage.INT8_BY_KEY) {
        a.vector(VMULPS, value(i), value(i), Mem.at(FACTORS_AT, 0).toAllLanes());
      } else if (storage == DecodeStorage.INT8_BY_COLUMN) {
        a.vector(VMULPS, value(i), value(i), Mem.at(FACTORS_AT, i * VECTOR));
      }
    }
    for (int r = 0; r < rows; r++) {
      Vec weight = frame.v(24 + r);
      a.vector(VBROADCASTSS, weight, Mem.at(WEIGHTS_AT, r * weightStep));
      for (int i = 0; i < vectors; i++) {
        a.vector(VFMADD231PS, accumulator(r, i), value(i), weight);
      }
    }
    if (vectors == wide) {
      int bytes = wide * LANES * storage.bytes;
      for (int line = 0; line * DecodeReader.LINE < bytes; line++) {
        reader.fetch(line);
      }
      reader.moveOn();
    }
    a.add(VALUE_AT, STRIDE);
    a.add(WEIGHTS_AT, Float.BYTES);
    if (storage == DecodeStorage.INT8_BY_KEY) {
      a.add(FACTORS_AT, Float.BYTES);
    }
  }

  private Vec accumulator(int r, int i) {
    return frame.v(wide * r + i);
  }

  private Vec value(int i) {
    return frame.v(ACCUMULATORS + i);
  }
}
