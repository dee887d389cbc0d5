package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VCVTDQ2PS;
import static io.github.attn4j.cpu.asm.VectorOp.VCVTPH2PS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VPMOVSXBD;
import static io.github.attn4j.cpu.asm.VectorOp.VPMOVZXWD;
import static io.github.attn4j.cpu.asm.VectorOp.VPSLLD;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;

/**
 * What both kernels of a decode that read a cache do alike: they turn what they read into float32,
 * and fetch ahead, block of keys after block of keys, in the order of memory.
 *
 * <p>Fetching ahead is right only where the keys of a head lie one behind the other: elsewhere it
 * would fetch the keys of other heads, and then it goes to some place that is near already.
 */
final class DecodeReader {
  /** Keys of a block. */
  static final int BLOCK = 16;

  static final int LINE = 64;

  private static final Gpr SCRATCH = Gpr.RAX;

  private final Assembler a;
  private final DecodeStorage storage;
  private final Gpr ahead;

  /** Where on the stack stands how far a step moves on: zero where keys do not neighbour. */
  private final Mem step;

  /**
   * Shared by the emission of one function.
   *
   * @param ahead points to what is fetched next
   * @param step a place on the stack that is free once {@link #prepare} is emitted
   */
  DecodeReader(Frame frame, DecodeStorage storage, Gpr ahead, Mem step) {
    this.a = frame.a;
    this.storage = storage;
    this.ahead = ahead;
    this.step = step;
  }

  /**
   * Finds out whether keys neighbour; overwrites rax.
   *
   * @param bytes that a step fetches
   */
  void prepare(Gpr stride, Gpr columns, int bytes) {
    Label apart = new Label();
    a.imul(SCRATCH, columns, storage.bytes);
    a.cmp(stride, SCRATCH);
    a.mov(SCRATCH, 0);
    a.jump(Condition.NOT_EQUAL, apart);
    a.mov(SCRATCH, bytes);
    a.bind(apart);
    a.mov(step, SCRATCH);
  }

  /**
   * Points to the block behind the one at {@code key}, or to {@code next} if that is the last;
   * overwrites rax.
   *
   * @param keys how many are left
   * @param near what is read all the time
   */
  void start(Gpr keys, Gpr key, Gpr stride, Gpr next, Gpr near) {
    Label done = new Label();
    a.mov(ahead, near);
    a.mov(SCRATCH, step);
    a.test(SCRATCH, SCRATCH);
    a.jump(Condition.EQUAL, done);
    a.mov(ahead, next);
    a.cmp(keys, BLOCK);
    a.jump(Condition.LESS_OR_EQUAL, done);
    a.mov(ahead, stride);
    a.shl(ahead, 4);
    a.add(ahead, key);
    a.bind(done);
  }

  /** Fetches one line of a step. */
  void fetch(int line) {
    a.prefetch(Mem.at(ahead, line * LINE));
  }

  /** Moves on behind a step. */
  void moveOn() {
    a.add(ahead, step);
  }

  /** Reads 16 neighbouring elements as float32; integers without their factor. */
  void read(Vec to, Mem from) {
    switch (storage) {
      case FLOAT32 -> a.vector(VMOVUPS, to, from);
      case BFLOAT16 -> {
        a.vector(VPMOVZXWD, to, from);
        a.vector(VPSLLD, to, to, 16);
      }
      case FLOAT16 -> a.vector(VCVTPH2PS, to, from);
      case INT8_BY_KEY, INT8_BY_COLUMN -> {
        a.vector(VPMOVSXBD, to, from);
        a.vector(VCVTDQ2PS, to, to);
      }
    }
  }
}
