package io.github.attn4j.cpu.asm.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;
import io.github.attn4j.cpu.asm.VectorOp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Simulated functions are called as real ones, and told of what a processor would not forgive. */
final class SimulatorTest {
  private final Assembler a = new Assembler();
  private final Arena arena = Arena.ofConfined();

  @BeforeEach
  void disassembler() {
    Disassembly.require();
  }

  @AfterEach
  void close() {
    arena.close();
  }

  /** Six arguments in registers, more on the stack; calls, loops, constants behind the code. */
  @Test
  void functionsAreCalled() {
    Label square = a.here();
    a.mov(Gpr.RAX, Gpr.RDI);
    a.imul(Gpr.RAX, Gpr.RDI);
    a.ret();
    a.align(64);
    Label constant = new Label();
    int entry = a.size();
    a.push(Gpr.RBX);
    a.call(square);
    a.mov(Gpr.RBX, Mem.at(Gpr.RSP, 8 + 8));
    a.add(Gpr.RAX, Mem.at(Gpr.RSP, 8 + 16));
    Label loop = a.here();
    a.add(Gpr.RAX, Gpr.R9);
    a.sub(Gpr.RBX, 1);
    a.jump(Condition.GREATER, loop);
    a.lea(Gpr.RCX, constant);
    a.add(Gpr.RAX, Mem.at(Gpr.RCX, 0));
    a.pop(Gpr.RBX);
    a.ret();
    a.align(8);
    a.bind(constant);
    a.data(1000);
    a.data(0);
    Simulator simulator = new Simulator(a.bytes());
    assertThat(simulator.call(entry, 5, 0, 0, 0, 0, 7, 3, 100)).isEqualTo(25 + 3 * 7 + 100 + 1000);
    assertThat(simulator.executed()).isEqualTo(1 + 1 + 3 + 2 + 3 * 3 + 4);
  }

  /** Loops start at aligned places: padding of every length is passed through. */
  @Test
  void paddingDoesNothing() {
    a.mov(Gpr.RAX, 42);
    for (int bytes = 0; bytes < 3 * 16; bytes += 3) {
      a.align(16);
      for (int written = 0; written < bytes; written += 3) {
        a.push(Gpr.RAX);
        a.pop(Gpr.R8);
      }
    }
    a.ret();
    assertThat(new Simulator(a.bytes()).call(0)).isEqualTo(42);
  }

  private MemorySegment buffer() {
    MemorySegment all = arena.allocate(256, 64);
    return all.asSlice(64, 64);
  }

  /** A byte too far is told, with the instruction that went there; masked lanes are not read. */
  @Test
  void accessesOutsideAreTold() {
    MemorySegment buffer = buffer();
    a.vector(VectorOp.VMOVUPS, Vec.of(1, 256), Mem.at(Gpr.RDI, 0));
    a.ret();
    int masked = a.size();
    a.kmovw(3, Gpr.RSI);
    a.vector(VectorOp.VMOVUPS, Vec.of(1, 256).orZero(3), Mem.at(Gpr.RDI, 0));
    a.vector(VectorOp.VMOVUPS_STORE, Mem.at(Gpr.RDI, 0), Vec.of(1, 256).where(3));
    a.ret();
    Simulator simulator = new Simulator(a.bytes());
    simulator.restrict(buffer);
    long end = buffer.address() + 64;
    simulator.call(0, end - 32);
    assertThatThrownBy(() -> simulator.call(0, end - 31))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("vmovups ymm1,YMMWORD PTR [rdi], at 0x0")
        .rootCause()
        .hasMessageStartingWith("32 bytes at %#x, outside of ", end - 31);
    simulator.call(masked, end - 20, 0x1F);
    assertThatThrownBy(() -> simulator.call(masked, end - 20, 0x3F))
        .hasMessageStartingWith("vmovups ymm1{k3}{z},YMMWORD PTR [rdi]");
  }

  @Test
  void nullIsTold() {
    a.mov(Gpr.RAX, Mem.at(Gpr.RDI, 8));
    a.ret();
    Simulator simulator = new Simulator(a.bytes());
    assertThatThrownBy(() -> simulator.call(0, 0))
        .hasMessage("mov rax,QWORD PTR [rdi+0x8], at 0x0")
        .hasRootCauseMessage("address 0x8");
  }

  @Test
  void alignmentIsAskedFor() {
    MemorySegment buffer = buffer();
    a.vector(VectorOp.VMOVAPS_STORE, Mem.at(Gpr.RDI, 0), Vec.of(1, 256));
    a.ret();
    Simulator simulator = new Simulator(a.bytes());
    simulator.call(0, buffer.address() + 32);
    assertThatThrownBy(() -> simulator.call(0, buffer.address() + 16))
        .hasMessageStartingWith("vmovaps YMMWORD PTR [rdi],ymm1")
        .rootCause()
        .hasMessageContaining("not aligned");
  }

  @Test
  void registersToKeepAreChecked() {
    a.mov(Gpr.R12, 5);
    a.ret();
    int stack = a.size();
    a.push(Gpr.RAX);
    a.ret();
    Simulator simulator = new Simulator(a.bytes());
    assertThatThrownBy(() -> simulator.call(0))
        .hasMessageMatching("register r12: expected 0x\\w+ as before, got 0x5");
    assertThatThrownBy(() -> simulator.call(stack)).isInstanceOf(IllegalStateException.class);
  }

  /** What is not known is an error where it is reached, not a guess, nor an error elsewhere. */
  @Test
  void unknownInstructionsAreTold() {
    a.ret();
    a.cpuid();
    a.ret();
    Simulator simulator = new Simulator(a.bytes());
    simulator.call(0);
    assertThatThrownBy(() -> simulator.call(1)).hasMessage("nothing is known of cpuid, at 0x1");
    assertThatThrownBy(() -> simulator.call(2)).hasMessage("no instruction starts at 0x2");
  }

  /** Zeroing the upper halves leaves the lower ones, and the registers that only EVEX names. */
  @Test
  void upperHalvesAreZeroed() {
    MemorySegment buffer = arena.allocate(3 * 64, 64);
    a.vector(VectorOp.VPBROADCASTD, Vec.of(1, 512), Mem.at(Gpr.RDI, 0));
    a.vector(VectorOp.VPBROADCASTD, Vec.of(17, 512), Mem.at(Gpr.RDI, 0));
    a.vzeroupper();
    a.vector(VectorOp.VMOVUPS_STORE, Mem.at(Gpr.RDI, 64), Vec.of(1, 512));
    a.vector(VectorOp.VMOVUPS_STORE, Mem.at(Gpr.RDI, 128), Vec.of(17, 512));
    a.ret();
    buffer.set(ValueLayout.JAVA_INT, 0, 7);
    new Simulator(a.bytes()).call(0, buffer.address());
    for (int word = 0; word < 16; word++) {
      assertThat(buffer.getAtIndex(ValueLayout.JAVA_INT, 16 + word)).isEqualTo(word < 4 ? 7 : 0);
      assertThat(buffer.getAtIndex(ValueLayout.JAVA_INT, 32 + word)).isEqualTo(7);
    }
  }
}
