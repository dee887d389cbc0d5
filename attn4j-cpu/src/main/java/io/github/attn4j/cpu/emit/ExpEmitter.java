package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VFMADD213PS;
import static io.github.attn4j.cpu.asm.VectorOp.VFMADD231PS;
import static io.github.attn4j.cpu.asm.VectorOp.VFMSUB213PS;
import static io.github.attn4j.cpu.asm.VectorOp.VMAXPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMULPS;
import static io.github.attn4j.cpu.asm.VectorOp.VPSLLD;
import static io.github.attn4j.cpu.asm.VectorOp.VSUBPS;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;
import java.util.Arrays;

/**
 * The exponential function, for arguments up to 88: exactly 1 at 0 and exactly 0 at negative
 * infinity and wherever the result would be below the least normal number, NaN at NaN; else within
 * 2e-7 of itself. Eleven instructions, one chain.
 *
 * <p>With n the nearest integer of x log2(e) and f what is left: e^x = 2^f 2^n.
 */
final class ExpEmitter {
  private static final float LOG2_E = 1.44269504f;

  /**
   * Arguments are raised to this: n is then -127, whose power of two, by the shift below, is zero.
   */
  private static final float LEAST = -88.02969f;

  /**
   * Adding 1.5 × 2^23 + 127 leaves n in the low bits of the sum, with 127 added: shifted left by 23
   * these bits are the float 2^n.
   */
  private static final float MAGIC = 0x1.8p23f + 127f;

  /**
   * 2^f on [-1/2, 1/2] from the highest power to the constant, minimax in the relative error
   * (9.2e-8) with the constant fixed at 1, so that exp(0) is exactly 1.
   */
  private static final float[] POLYNOMIAL = {
    0x1.5bba13cb4b67cp-10f,
    0x1.3cea873ee7d6fp-7f,
    0x1.c6b752dec2d46p-5f,
    0x1.ebf9bb8aa9027p-3f,
    0x1.62e42920381f8p-1f,
    1f
  };

  /** Registers that constants take: all of them, or where 16 are all there is, the first three. */
  static final int REGISTERS = 2 + POLYNOMIAL.length;

  private final Frame frame;
  private final Assembler a;
  private final int first;
  private final Gpr table;

  /**
   * Takes registers for constants.
   *
   * @param first the first of {@link #REGISTERS} neighbouring ones with AVX-512, of three with AVX2
   * @param table points to the constants that have none
   */
  ExpEmitter(Frame frame, int first, Gpr table) {
    this.frame = frame;
    this.a = frame.a;
    this.first = first;
    this.table = table;
  }

  /** Loads the constants. */
  void load() {
    frame.constant(frame.v(first), LOG2_E, table);
    frame.constant(frame.v(first + 1), MAGIC, table);
    frame.constant(frame.v(first + 2), LEAST, table);
    if (frame.isa == Isa.AVX512) {
      for (int c = 1; c < POLYNOMIAL.length; c++) {
        frame.constant(frame.v(first + 2 + c), POLYNOMIAL[c], table);
      }
    }
    float[] values = Arrays.copyOf(POLYNOMIAL, POLYNOMIAL.length + 1);
    values[POLYNOMIAL.length] = MAGIC;
    frame.address(table, values);
  }

  /**
   * {@code p = e^x} for several vectors; overwrites x and z. One step of all of them comes after
   * the other, since the processor looks ahead less far than one vector's chain is long.
   */
  void exp(Vec[] x, Vec[] z, Vec[] p) {
    Vec log2 = frame.v(first);
    Vec magic = frame.v(first + 1);
    Vec least = frame.v(first + 2);
    int n = x.length;
    for (int i = 0; i < n; i++) {
      // If either is NaN, the maximum is its second operand.
      a.vector(VMAXPS, x[i], least, x[i]);
    }
    for (int i = 0; i < n; i++) {
      // Loaded, not copied: copies would take turns with the arithmetic.
      a.vector(VMOVUPS, z[i], Mem.at(table, POLYNOMIAL.length * frame.isa.bytes()));
      a.vector(VFMADD231PS, z[i], x[i], log2);
    }
    for (int i = 0; i < n; i++) {
      a.vector(VSUBPS, p[i], z[i], magic);
    }
    for (int i = 0; i < n; i++) {
      a.vector(VFMSUB213PS, x[i], log2, p[i]);
      a.vector(VMOVUPS, p[i], Mem.at(table, 0));
    }
    for (int c = 1; c < POLYNOMIAL.length; c++) {
      for (int i = 0; i < n; i++) {
        step(p[i], x[i], c);
      }
      if (c == 2) {
        for (int i = 0; i < n; i++) {
          a.vector(VPSLLD, z[i], z[i], 23);
        }
      }
    }
    for (int i = 0; i < n; i++) {
      a.vector(VMULPS, p[i], p[i], z[i]);
    }
  }

  private void step(Vec p, Vec x, int c) {
    if (frame.isa == Isa.AVX512) {
      a.vector(VFMADD213PS, p, x, frame.v(first + 2 + c));
    } else {
      a.vector(VFMADD213PS, p, x, Mem.at(table, c * frame.isa.bytes()));
    }
  }
}
