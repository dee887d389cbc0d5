package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VCMPPS;
import static io.github.attn4j.cpu.asm.VectorOp.VCVTNE2PS2BF16;
import static io.github.attn4j.cpu.asm.VectorOp.VCVTNEPS2BF16;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VPMOVZXWD;
import static io.github.attn4j.cpu.asm.VectorOp.VPORD;
import static io.github.attn4j.cpu.asm.VectorOp.VPSLLD;
import static io.github.attn4j.cpu.asm.VectorOp.VSUBPS;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;

/**
 * Lays bfloat16 out in pairs, as products of them want it: two numbers that are neighbours along
 * the sum in 32 bits, the first in the low half. For AVX-512 with its bfloat16 instructions.
 */
final class Bfloat16Emitter {
  private static final Gpr SRC = Gpr.RDI;

  /** Bytes of a vector of float32, and of as many bfloat16. */
  private static final int WIDE = 64;

  private static final int NARROW = 32;

  /** Predicate of a comparison: either is NaN. */
  private static final int UNORDERED = 3;

  private final Frame frame;
  private final Assembler a;

  Bfloat16Emitter(Frame frame) {
    this.frame = frame;
    this.a = frame.a;
  }

  /**
   * {@code f(panel, dst, pairs)}: rounds a panel of float32, {@code panel[key][NR]}, to pairs of
   * keys, {@code dst[key / 2][NR]}.
   */
  Label keyPairs() {
    Gpr to = Gpr.RSI;
    Gpr pairs = Gpr.RDX;
    Label done = new Label();
    Label entry = frame.begin();
    a.cmp(pairs, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    a.align(32);
    Label body = a.here();
    for (int half = 0; half < 2; half++) {
      Vec even = frame.v(2 * half);
      Vec odd = frame.v(2 * half + 1);
      a.vector(VMOVUPS, even, Mem.at(SRC, half * WIDE));
      a.vector(VMOVUPS, odd, Mem.at(SRC, (2 + half) * WIDE));
      a.vector(VCVTNEPS2BF16, even.as(256), even);
      a.vector(VCVTNEPS2BF16, odd.as(256), odd);
      a.vector(VPMOVZXWD, even, even.as(256));
      a.vector(VPMOVZXWD, odd, odd.as(256));
      a.vector(VPSLLD, odd, odd, 16);
      a.vector(VPORD, even, even, odd);
      a.vector(VMOVUPS_STORE, Mem.at(to, half * WIDE), even);
    }
    a.add(SRC, 4 * WIDE);
    a.add(to, 2 * WIDE);
    a.sub(pairs, 1);
    a.jump(Condition.GREATER, body);
    a.bind(done);
    frame.end();
    return entry;
  }

  /**
   * {@code f(panel, dst, keys)}: rounds a panel of float32, {@code panel[key][NR]}, to pairs of
   * lanes, {@code dst[key][NR / 2]}.
   */
  Label lanePairs() {
    Gpr to = Gpr.RSI;
    Gpr keys = Gpr.RDX;
    Label done = new Label();
    Label entry = frame.begin();
    Vec x = frame.v(0);
    a.cmp(keys, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    a.align(32);
    Label body = a.here();
    a.vector(VMOVUPS, x, Mem.at(SRC, WIDE));
    a.vector(VCVTNE2PS2BF16, x, x, Mem.at(SRC, 0));
    a.vector(VMOVUPS_STORE, Mem.at(to, 0), x);
    a.add(SRC, 2 * WIDE);
    a.add(to, WIDE);
    a.sub(keys, 1);
    a.jump(Condition.GREATER, body);
    a.bind(done);
    frame.end();
    return entry;
  }

  /**
   * {@code f(rows, stride, pairs, dst)}: {@code dst[k][c]} is the pair of {@code rows[2k][c]} and
   * {@code rows[2k + 1][c]}; returns a number other than 0 if any element is NaN or infinite.
   *
   * <p>Rows lie stride bytes apart, a multiple of 32, and are read whole; those of dst twice as
   * far.
   */
  Label rowPairs() {
    Gpr stride = Gpr.RSI;
    Gpr pairs = Gpr.RDX;
    Gpr to = Gpr.RCX;
    Gpr left = Gpr.R8;
    Vec even = frame.v(0);
    Vec odd = frame.v(1);
    Vec pair = frame.v(2);
    Vec strays = frame.v(3);
    Label done = new Label();
    Label entry = frame.begin();
    frame.zero(strays);
    a.cmp(pairs, 0);
    a.jump(Condition.LESS_OR_EQUAL, done);
    Label row = a.here();
    a.mov(left, stride);
    a.align(32);
    Label body = a.here();
    a.vector(VPMOVZXWD, even, Mem.at(SRC, 0));
    a.vector(VPMOVZXWD, odd, Mem.at(SRC, stride, 1, 0));
    a.vector(VPSLLD, odd, odd, 16);
    a.vector(VPORD, pair, even, odd);
    a.vector(VMOVUPS_STORE, Mem.at(to, 0), pair);
    // As float32, x - x is zero, all bits of it, if x is finite, else NaN.
    a.vector(VPSLLD, even, even, 16);
    a.vector(VSUBPS, even, even, even);
    a.vector(VSUBPS, odd, odd, odd);
    a.vector(VPORD, strays, strays, even);
    a.vector(VPORD, strays, strays, odd);
    a.add(SRC, NARROW);
    a.add(to, WIDE);
    a.sub(left, NARROW);
    a.jump(Condition.GREATER, body);
    a.add(SRC, stride);
    a.sub(pairs, 1);
    a.jump(Condition.GREATER, row);
    a.bind(done);
    a.compare(VCMPPS, 1, strays, strays, UNORDERED);
    a.kmovw(Gpr.RAX, 1);
    frame.end();
    return entry;
  }
}
