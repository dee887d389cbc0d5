package io.github.attn4j.cpu.emit;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;
import io.github.attn4j.cpu.asm.VectorOp;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What every emitter writes with: the assembler, the instruction set, and a table of constants. */
final class Frame {
  /** What a called function must leave as it was, and emitted code uses. */
  private static final List<Gpr> SAVED =
      List.of(Gpr.RBX, Gpr.RBP, Gpr.R12, Gpr.R13, Gpr.R14, Gpr.R15);

  final Assembler a = new Assembler();
  final Isa isa;

  private final Map<Integer, Label> constants = new LinkedHashMap<>();
  private final Map<Label, int[]> tables = new LinkedHashMap<>();

  Frame(Isa isa) {
    this.isa = isa;
  }

  /** Starts a function: 64 bytes aligned, callee-saved registers put aside. */
  Label begin() {
    a.align(64);
    Label entry = a.here();
    SAVED.forEach(a::push);
    return entry;
  }

  /** Ends a function. */
  void end() {
    SAVED.reversed().forEach(a::pop);
    // Else the processor's other users pay for dirty upper halves.
    a.vzeroupper();
    a.ret();
  }

  /** Argument number {@code n} behind the six that come in registers, in a function begun here. */
  Mem stackArgument(int n) {
    return Mem.at(Gpr.RSP, (SAVED.size() + 1 + n - 6) * Long.BYTES);
  }

  /** Neighbouring registers at full width. */
  Vec[] v(int first, int count) {
    Vec[] vectors = new Vec[count];
    Arrays.setAll(vectors, i -> v(first + i));
    return vectors;
  }

  /** How many vectors of exponentials go side by side: as many as there are registers for. */
  int abreast() {
    return isa == Isa.AVX512 ? 4 : 2;
  }

  /** A register at full width. */
  Vec v(int number) {
    return isa.v(number);
  }

  /** Fills a register with one constant; {@code scratch} is overwritten. */
  void constant(Vec to, float value, Gpr scratch) {
    Label place = constants.computeIfAbsent(Float.floatToRawIntBits(value), bits -> new Label());
    a.lea(scratch, place);
    a.vector(VectorOp.VBROADCASTSS, to, Mem.at(scratch, 0));
  }

  /** Points to vectors, each of one constant in all lanes. */
  void address(Gpr to, float[] values) {
    int lanes = isa.bytes() / Float.BYTES;
    int[] bits = new int[values.length * lanes];
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i / lanes]));
    Label place = new Label();
    tables.put(place, bits);
    a.lea(to, place);
  }

  /** Fills a register with one constant per lane; {@code scratch} is overwritten. */
  void table(Vec to, int[] lanes, Gpr scratch) {
    Label place = new Label();
    tables.put(place, lanes);
    a.lea(scratch, place);
    a.vector(VectorOp.VMOVUPS, to, Mem.at(scratch, 0));
  }

  /** Zeroes a register. */
  void zero(Vec to) {
    if (to.number() < 16) {
      a.vector(VectorOp.VPXOR, to.as(128), to.as(128), to.as(128));
    } else {
      a.vector(VectorOp.VPXORD, to, to, to);
    }
  }

  /** Writes the constants, behind all code. */
  void writeConstants() {
    a.align(64);
    tables.forEach((label, lanes) -> {
      a.bind(label);
      for (int bits : lanes) {
        a.data(bits);
      }
    });
    constants.forEach((bits, label) -> {
      a.bind(label);
      a.data(bits);
    });
  }
}
