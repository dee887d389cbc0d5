package io.github.attn4j.cpu.emit;

import io.github.attn4j.cpu.asm.Vec;

/** Instruction sets that kernels are emitted for. */
public enum Isa {
  /** 16 registers of 8 floats, fused multiply-add. */
  AVX2(256, 6),
  /** 32 registers of 16 floats, masks. */
  AVX512(512, 12);

  /** Width of a vector. */
  final int bits;

  /**
   * Rows of a register tile of two vectors: 12 accumulators of 16 registers, or 24 of 32, leave
   * room for two vectors of one operand and what is broadcast of the other.
   */
  final int mr;

  Isa(int bits, int mr) {
    this.bits = bits;
    this.mr = mr;
  }

  /** Bytes of a vector. */
  int bytes() {
    return bits / 8;
  }

  /**
   * A register at full width.
   *
   * @param number of it
   * @return the register
   */
  Vec v(int number) {
    return Vec.of(number, bits);
  }
}
