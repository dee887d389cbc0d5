package io.github.attn4j.cpu.asm.sim;

import java.util.Arrays;

/** Registers, flags and memory of the simulated processor. */
final class Machine {
  /** Words of 32 bits in a vector register. */
  static final int WORDS = 16;

  /** The register beyond the real ones that results stand in before they are written. */
  static final int RESULT = 32;

  /** The registers beyond the real ones that operands in memory are read into. */
  static final int LOADED = 33;

  /** Number of the stack pointer. */
  static final int RSP = 4;

  final long[] general = new long[16];
  final int[] vectors = new int[(LOADED + 3) * WORDS];
  final long[] masks = new long[8];
  final Memory memory;

  /** Address of the code. */
  final long code;

  boolean zero;
  boolean carry;
  boolean sign;
  boolean overflow;

  /** Where the program goes on, as an offset in the code; negative after the last return. */
  int next;

  Machine(Memory memory, long code) {
    this.memory = memory;
    this.code = code;
  }

  /** Fills all registers with what nobody should count on: signalling NaNs, and odd numbers. */
  void scramble() {
    for (int r = 0; r < general.length; r++) {
      general[r] = 0x0BAD_0BAD_0BAD_0001L + ((long) r << 8);
    }
    Arrays.fill(vectors, 0xFF8BAD01);
    Arrays.fill(masks, 0x5A5A_5A5A_5A5A_5A5AL);
  }

  long address(Operand.Place place) {
    if (place.base() == Operand.RIP) {
      return code + next + place.displacement();
    }
    long address = general[place.base()] + place.displacement();
    return place.index() == Operand.NONE
        ? address
        : address + general[place.index()] * place.scale();
  }

  void push(long value) {
    general[RSP] -= 8;
    memory.put(general[RSP], 8, value);
  }

  long pop() {
    general[RSP] += 8;
    return memory.get(general[RSP] - 8, 8);
  }

  /** Sets the flags that tell of a result. */
  void flags(long result, boolean carried, boolean overflowed) {
    zero = result == 0;
    sign = result < 0;
    carry = carried;
    overflow = overflowed;
  }
}
