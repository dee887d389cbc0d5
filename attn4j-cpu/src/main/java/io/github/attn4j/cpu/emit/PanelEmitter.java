package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VADDPS;
import static io.github.attn4j.cpu.asm.VectorOp.VBLENDVPS;
import static io.github.attn4j.cpu.asm.VectorOp.VCMPPS;
import static io.github.attn4j.cpu.asm.VectorOp.VDIVPS;
import static io.github.attn4j.cpu.asm.VectorOp.VFMADD213PS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVAPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMULPS;
import static io.github.attn4j.cpu.asm.VectorOp.VPAND;
import static io.github.attn4j.cpu.asm.VectorOp.VPANDD;
import static io.github.attn4j.cpu.asm.VectorOp.VPBROADCASTD;
import static io.github.attn4j.cpu.asm.VectorOp.VPCMPEQD;
import static io.github.attn4j.cpu.asm.VectorOp.VPORD;
import static io.github.attn4j.cpu.asm.VectorOp.VSUBPS;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;
import io.github.attn4j.cpu.asm.VectorOp;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * What is done to each element of a panel: keys one after the other, for each the two vectors of
 * its queries. Pointers are to the first key's; counts are of keys, or of columns; float arguments
 * are their raw bits.
 */
final class PanelEmitter {
  private static final Gpr FIRST = Gpr.RDI;
  private static final Gpr SECOND = Gpr.RSI;
  private static final Gpr THIRD = Gpr.RDX;
  private static final Gpr FOURTH = Gpr.RCX;
  private static final Gpr FIFTH = Gpr.R8;
  private static final Gpr SIXTH = Gpr.R9;

  /** Bytes from the first key to the one at hand. */
  private static final Gpr AT = Gpr.RAX;

  private static final Gpr SCRATCH = Gpr.R10;
  private static final Gpr TABLE = Gpr.R11;

  /** Comparison predicate. */
  private static final int LESS = 1;

  private static final int BITS_OF_LANES = 14;

  private final Frame frame;
  private final Assembler a;
  private final int width;

  PanelEmitter(Frame frame) {
    this.frame = frame;
    this.a = frame.a;
    this.width = frame.isa.bytes();
  }

  /** {@code f(scores, bias, keys)}: {@code scores += bias}. */
  Label addBias() {
    Label entry = frame.begin();
    loop(
        THIRD,
        half -> {
          Vec x = frame.v(half);
          a.vector(VMOVUPS, x, here(FIRST, half));
          a.vector(VADDPS, x, x, here(SECOND, half));
          a.vector(VMOVUPS_STORE, here(FIRST, half), x);
        });
    frame.end();
    return entry;
  }

  /** {@code f(ds, slope, before, keys)}: {@code before = ds, ds *= slope}. */
  Label multiplySlope() {
    Label entry = frame.begin();
    loop(
        FOURTH,
        half -> {
          Vec x = frame.v(half);
          a.vector(VMOVUPS, x, here(FIRST, half));
          a.vector(VMOVUPS_STORE, here(THIRD, half), x);
          a.vector(VMULPS, x, x, here(SECOND, half));
          a.vector(VMOVUPS_STORE, here(FIRST, half), x);
        });
    frame.end();
    return entry;
  }

  /** {@code f(out, rowSum, columns)}: {@code out = out / rowSum + 0}. */
  Label divide() {
    Label entry = frame.begin();
    Vec zero = frame.v(4);
    frame.zero(zero);
    loop(
        THIRD,
        half -> {
          Vec x = frame.v(half);
          a.vector(VMOVUPS, x, here(FIRST, half));
          a.vector(VDIVPS, x, x, Mem.at(SECOND, half * width));
          // Turns -0, which skipping a tile may or may not leave behind, into +0.
          a.vector(VADDPS, x, x, zero);
          a.vector(VMOVUPS_STORE, here(FIRST, half), x);
        });
    frame.end();
    return entry;
  }

  /**
   * {@code f(tile, bits, keys, replacement)}: replaces the elements whose bit is set; one int of
   * bits per key.
   */
  Label hide() {
    Label entry = frame.begin();
    Vec replacement = frame.v(4);
    argument(replacement, FOURTH);
    loadBitsOfLanes();
    loop(
        THIRD,
        half -> {
          Vec x = frame.v(half);
          Vec mask = laneMask(half);
          if (frame.isa == Isa.AVX512) {
            a.vector(VMOVUPS_STORE, here(FIRST, half), replacement.where(1 + half));
          } else {
            a.vector(VMOVUPS, x, here(FIRST, half));
            a.vector(VBLENDVPS, x, x, replacement, mask.number() << 4);
            a.vector(VMOVUPS_STORE, here(FIRST, half), x);
          }
        });
    frame.end();
    return entry;
  }

  /**
   * {@code f(tile, bits, keys, factor)}: multiplies the elements whose bit is set, by zero the
   * others; one int of bits per key.
   */
  Label drop() {
    Label entry = frame.begin();
    Vec factor = frame.v(4);
    argument(factor, FOURTH);
    loadBitsOfLanes();
    loop(
        THIRD,
        half -> {
          Vec x = frame.v(half);
          Vec mask = laneMask(half);
          if (frame.isa == Isa.AVX512) {
            a.vector(VMOVAPS, x.orZero(1 + half), factor);
          } else {
            a.vector(VPAND, x, mask, factor);
          }
          // A product even where it is dropped: NaN stays NaN.
          a.vector(VMULPS, x, x, here(FIRST, half));
          a.vector(VMOVUPS_STORE, here(FIRST, half), x);
        });
    frame.end();
    return entry;
  }

  /**
   * {@code f(scores, ds, keys, base, logSum, delta)}: {@code P = exp(S - base - logSum)} into
   * scores, {@code dS = P * (dP - delta)} into ds.
   */
  Label scoreGradients() {
    Label entry = frame.begin();
    Vec[] x = frame.v(0, 2);
    Vec[] z = frame.v(2, 2);
    Vec[] p = frame.v(4, 2);
    ExpEmitter exp = new ExpEmitter(frame, 6, TABLE);
    exp.load();
    loop(
        THIRD,
        half -> {
          if (half == 1) {
            return;
          }
          for (int i = 0; i < 2; i++) {
            a.vector(VMOVUPS, x[i], here(FIRST, i));
            a.vector(VSUBPS, x[i], x[i], Mem.at(FOURTH, i * width));
            a.vector(VSUBPS, x[i], x[i], Mem.at(FIFTH, i * width));
          }
          exp.exp(x, z, p);
          for (int i = 0; i < 2; i++) {
            a.vector(VMOVUPS_STORE, here(FIRST, i), p[i]);
            a.vector(VMOVUPS, x[i], here(SECOND, i));
            a.vector(VSUBPS, x[i], x[i], Mem.at(SIXTH, i * width));
            a.vector(VMULPS, x[i], x[i], p[i]);
            a.vector(VMOVUPS_STORE, here(SECOND, i), x[i]);
          }
        });
    frame.end();
    return entry;
  }

  /*
   * (tanh(x) / x - 1) / x² as a polynomial in x² on [0, 0.625²], from the highest power to the
   * constant, minimax in the relative error of tanh (4.4e-9).
   */
  private static final float[] TANH = {
    -0x1.75e1ccp-8f, 0x1.52269cp-6f, -0x1.b83c5ap-5f, 0x1.110726p-3f, -0x1.555532p-2f
  };

  /** Below this magnitude the quotient of exponentials cancels, and the polynomial takes over. */
  private static final float SMALL = 0.625f;

  private static final float SIGN = -0f;

  /**
   * {@code f(scores, slope or 0, keys, inward, outward)}: {@code scores = outward * tanh(scores *
   * inward)}, and where asked for {@code slope = 1 - tanh²}.
   */
  Label cap() {
    Label entry = frame.begin();
    Label plain = new Label();
    Label done = new Label();
    a.test(SECOND, SECOND);
    a.jump(Condition.EQUAL, plain);
    loop(THIRD, half -> capOne(half, true));
    a.jmp(done);
    a.bind(plain);
    loop(THIRD, half -> capOne(half, false));
    a.bind(done);
    frame.end();
    return entry;
  }

  /** Few registers suffice: constants are loaded where they are used. */
  private void capOne(int half, boolean keepSlope) {
    Vec x = frame.v(0);
    Vec x2 = frame.v(1);
    Vec small = frame.v(2);
    Vec e = frame.v(3);
    Vec z = frame.v(4);
    Vec p = frame.v(5);
    Vec c = frame.v(6);
    argument(c, FOURTH);
    a.vector(VMULPS, x, c, here(FIRST, half));
    a.vector(VMULPS, x2, x, x);
    frame.constant(small, TANH[0], SCRATCH);
    for (int t = 1; t < TANH.length; t++) {
      frame.constant(c, TANH[t], SCRATCH);
      a.vector(VFMADD213PS, small, x2, c);
    }
    a.vector(VMULPS, small, small, x2);
    a.vector(VFMADD213PS, small, x, x);
    // With e = exp(-2|x|), |tanh(x)| = 1 - 2e / (1 + e). Minus |x| by its sign bit.
    frame.constant(c, SIGN, SCRATCH);
    or(e, x, c);
    a.vector(VADDPS, e, e, e);
    ExpEmitter exp = new ExpEmitter(frame, 7, TABLE);
    exp.load();
    exp.exp(new Vec[] {e}, new Vec[] {z}, new Vec[] {p});
    frame.constant(c, 1f, SCRATCH);
    a.vector(VADDPS, e, p, p);
    a.vector(VADDPS, z, p, c);
    a.vector(VDIVPS, e, e, z);
    a.vector(VSUBPS, e, c, e);
    frame.constant(c, SIGN, SCRATCH);
    and(z, x, c);
    or(e, e, z);
    choose(e, small, x2);
    argument(c, FIFTH);
    a.vector(VMULPS, z, e, c);
    a.vector(VMOVUPS_STORE, here(FIRST, half), z);
    if (keepSlope) {
      frame.constant(c, 1f, SCRATCH);
      a.vector(VMULPS, e, e, e);
      a.vector(VSUBPS, e, c, e);
      a.vector(VMOVUPS_STORE, here(SECOND, half), e);
    }
  }

  /** Takes {@code small} into e where x² is below SMALL². */
  private void choose(Vec e, Vec small, Vec x2) {
    Vec limit = frame.v(6);
    frame.constant(limit, SMALL * SMALL, SCRATCH);
    if (frame.isa == Isa.AVX512) {
      a.compare(VCMPPS, 1, x2, limit, LESS);
      a.vector(VMOVAPS, e.where(1), small);
    } else {
      a.vector(VCMPPS, x2, x2, limit, LESS);
      a.vector(VBLENDVPS, e, e, small, x2.number() << 4);
    }
  }

  private void or(Vec to, Vec x, Vec y) {
    a.vector(frame.isa == Isa.AVX512 ? VPORD : VectorOp.VPOR, to, x, y);
  }

  private void and(Vec to, Vec x, Vec y) {
    a.vector(frame.isa == Isa.AVX512 ? VPANDD : VPAND, to, x, y);
  }

  private Mem here(Gpr base, int half) {
    return Mem.at(base, AT, 1, half * width);
  }

  /** Runs a body for both halves of each key. */
  private void loop(Gpr count, IntConsumer half) {
    Label done = new Label();
    a.zero(AT);
    a.test(count, count);
    a.jump(Condition.LESS_OR_EQUAL, done);
    a.align(32);
    Label body = a.here();
    half.accept(0);
    half.accept(1);
    a.add(AT, 2 * width);
    a.sub(count, 1);
    a.jump(Condition.GREATER, body);
    a.bind(done);
  }

  /** Fills a register with a float argument. */
  private void argument(Vec to, Gpr bits) {
    a.vector(VectorOp.VMOVD_FROM_GPR, to.as(128), bits);
    a.vector(VectorOp.VBROADCASTSS, to, to.as(128));
  }

  /** With AVX2, a mask of lanes is made by comparing bits with those of the lanes. */
  private void loadBitsOfLanes() {
    if (frame.isa == Isa.AVX2) {
      int lanes = width / Float.BYTES;
      for (int half = 0; half < 2; half++) {
        int from = half * lanes;
        int[] bits = IntStream.range(from, from + lanes).map(lane -> 1 << lane).toArray();
        frame.table(frame.v(BITS_OF_LANES + half), bits, SCRATCH);
      }
    }
  }

  /**
   * The lanes of one half whose bits are set, of the int at SECOND, which moves on behind the
   * second half: in mask register 1 + half, or, with AVX2, in the register returned.
   */
  private Vec laneMask(int half) {
    Vec mask = frame.v(2 + half);
    if (frame.isa == Isa.AVX512) {
      a.movzxWord(SCRATCH, Mem.at(SECOND, 2 * half));
      a.kmovw(1 + half, SCRATCH);
    } else {
      Vec lanes = frame.v(BITS_OF_LANES + half);
      a.vector(VPBROADCASTD, mask, Mem.at(SECOND, 0));
      a.vector(VPAND, mask, mask, lanes);
      a.vector(VPCMPEQD, mask, mask, lanes);
    }
    if (half == 1) {
      a.add(SECOND, Integer.BYTES);
    }
    return mask;
  }
}
