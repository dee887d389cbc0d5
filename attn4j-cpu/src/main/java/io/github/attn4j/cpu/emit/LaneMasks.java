package io.github.attn4j.cpu.emit;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;
import io.github.attn4j.cpu.asm.VectorOp;

/**
 * Reads the first lanes of up to two neighbouring vectors and nothing behind them; the other lanes
 * are zeros. The masks are k1 and k2, or, without AVX-512, the last two vector registers.
 */
final class LaneMasks {
  private final Frame frame;
  private final Assembler a;
  private final boolean masks;

  /** Ones for two vectors, then zeros for two: a mask starts somewhere between. */
  private final Label table;

  /** Writes a table among the code: not inside a function. */
  LaneMasks(Frame frame) {
    this.frame = frame;
    this.a = frame.a;
    masks = frame.isa == Isa.AVX512;
    a.align(64);
    table = a.here();
    int ones = frame.isa.bytes() / 2;
    for (int i = 0; i < 2 * ones && !masks; i++) {
      a.data(i < ones ? -1 : 0);
    }
  }

  /**
   * Makes the masks of so many lanes; overwrites rax and rcx.
   *
   * @param lanes holds a number no greater than the lanes of two vectors; not rax or rcx
   */
  void load(Gpr lanes) {
    if (masks) {
      a.mov(Gpr.RAX, 0xFFFF_FFFFL);
      a.mov(Gpr.RCX, 32);
      a.sub(Gpr.RCX, lanes);
      a.shrCl(Gpr.RAX);
      a.kmovw(1, Gpr.RAX);
      a.shr(Gpr.RAX, 16);
      a.kmovw(2, Gpr.RAX);
    } else {
      a.lea(Gpr.RAX, table);
      a.mov(Gpr.RCX, lanes);
      a.shl(Gpr.RCX, 2);
      a.sub(Gpr.RAX, Gpr.RCX);
      for (int half = 0; half < 2; half++) {
        a.vector(VectorOp.VMOVUPS, mask(half), Mem.at(Gpr.RAX, (2 + half) * frame.isa.bytes()));
      }
    }
  }

  /**
   * Reads one of the two vectors.
   *
   * @param half which one
   * @param from where that vector starts
   */
  void read(Vec to, int half, Mem from) {
    if (masks) {
      a.vector(VectorOp.VMOVUPS, to.orZero(1 + half), from);
    } else {
      a.vector(VectorOp.VMASKMOVPS, to, mask(half), from);
    }
  }

  private Vec mask(int half) {
    return frame.v(14 + half);
  }
}
