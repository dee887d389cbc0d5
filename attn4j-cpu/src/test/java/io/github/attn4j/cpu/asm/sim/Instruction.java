package io.github.attn4j.cpu.asm.sim;

import java.util.ArrayList;
import java.util.List;

/**
 * One instruction, read from its text.
 *
 * @param text as the disassembler wrote it
 * @param behind offset of the next instruction in the code
 * @param mnemonic its name
 * @param operands destination first
 */
record Instruction(String text, int behind, String mnemonic, List<Operand> operands) {
  /**
   * Reads a line.
   *
   * @throws IllegalArgumentException if an operand is none that emitted code has
   */
  static Instruction parse(String text, int behind) {
    // So is padding of two bytes called, the only instruction on registers of 16 bits.
    if (text.equals("xchg ax,ax")) {
      return new Instruction(text, behind, "nop", List.of());
    }
    int space = text.indexOf(' ');
    if (space < 0) {
      return new Instruction(text, behind, text, List.of());
    }
    List<Operand> operands = new ArrayList<>();
    for (String operand : text.substring(space + 1).split(",")) {
      operands.add(Operand.parse(operand));
    }
    return new Instruction(text, behind, text.substring(0, space), operands);
  }

  int count() {
    return operands.size();
  }

  Operand operand(int n) {
    return operands.get(n);
  }

  /** An operand that is a general register. */
  Operand.Register register(int n) {
    return (Operand.Register) operand(n);
  }

  /** An operand that is a vector register. */
  Operand.Vector vector(int n) {
    return (Operand.Vector) operand(n);
  }

  /** An operand that is a mask register. */
  Operand.Mask mask(int n) {
    return (Operand.Mask) operand(n);
  }

  /** An operand that is a place in memory. */
  Operand.Place place(int n) {
    return (Operand.Place) operand(n);
  }

  /** The constant at the end, or 0. */
  int immediate() {
    return operands.getLast() instanceof Operand.Immediate(long value) ? (int) value : 0;
  }
}
