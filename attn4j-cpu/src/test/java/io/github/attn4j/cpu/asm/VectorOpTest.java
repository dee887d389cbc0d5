package io.github.attn4j.cpu.asm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.cpu.asm.sim.Disassembly;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The bytes of every vector instruction, in each of its forms, say to an independent disassembler
 * what was asked for: any registers, widths, masks, places in memory.
 */
final class VectorOpTest {
  private static final int ROUNDS = 150;

  private final Sample s = new Sample();
  private final Assembler a = s.a;
  private final RandomInstruction instruction = new RandomInstruction(s);

  @BeforeEach
  void disassembler() {
    Disassembly.require();
  }

  @Test
  void meansWhatWasAsked() {
    for (VectorOp op : VectorOp.values()) {
      for (int round = 0; round < ROUNDS; round++) {
        int offset = a.size();
        s.expect(offset, instruction.write(op));
      }
    }
    s.check();
  }

  /** The short displacement is taken as far as it reaches: kernels count on compact loops. */
  @Test
  void displacementsAreCompressed() {
    int number = 20;
    Vec wide = Vec.of(number, 512);
    assertThat(length(VectorOp.VADDPS, wide, Mem.at(Gpr.RAX, 127 * 64))).isEqualTo(7);
    assertThat(length(VectorOp.VADDPS, wide, Mem.at(Gpr.RAX, -128 * 64))).isEqualTo(7);
    assertThat(length(VectorOp.VADDPS, wide, Mem.at(Gpr.RAX, 128 * 64))).isEqualTo(10);
    assertThat(length(VectorOp.VADDPS, wide, Mem.at(Gpr.RAX, 32))).isEqualTo(10);
    assertThat(length(VectorOp.VADDPS, wide, Mem.at(Gpr.RAX, 127 * 4).toAllLanes())).isEqualTo(7);
  }

  private static int length(VectorOp op, Vec v, Mem mem) {
    Assembler a = new Assembler();
    a.vector(op, v, v, mem);
    return a.size();
  }

  /** What has no EVEX form must not be written as something else. */
  @Test
  void refusesFormsThatDoNotExist() {
    Vec high = Vec.of(16, 256);
    assertThatThrownBy(() -> a.vector(VectorOp.VPXOR, high, high, high))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("VPXOR has no EVEX form");
    assertThatThrownBy(() -> Vec.of(32, 256)).hasMessageContaining("32");
    assertThatThrownBy(() -> Vec.of(1, 100)).hasMessageContaining("100");
    assertThatThrownBy(() -> Mem.at(Gpr.RAX, Gpr.RSP, 1, 0)).hasMessageContaining("RSP");
    assertThatThrownBy(() -> Mem.at(Gpr.RAX, Gpr.RBX, 3, 0)).hasMessageContaining("3");
  }
}
