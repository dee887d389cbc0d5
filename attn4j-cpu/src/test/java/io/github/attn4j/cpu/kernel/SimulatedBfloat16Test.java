package io.github.attn4j.cpu.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.attn4j.DType;
import io.github.attn4j.cpu.asm.CpuFeatures;
import io.github.attn4j.cpu.asm.sim.Disassembly;
import io.github.attn4j.cpu.emit.Isa;
import io.github.attn4j.cpu.emit.SimulatedTable;
import io.github.attn4j.testkit.AlgebraContract;
import io.github.attn4j.testkit.DeterminismContract;
import io.github.attn4j.testkit.DropoutContract;
import io.github.attn4j.testkit.ExecutorContract;
import io.github.attn4j.testkit.HostileValuesContract;
import io.github.attn4j.testkit.MaskFormContract;
import io.github.attn4j.testkit.NamedContract;
import io.github.attn4j.testkit.PartsContract;
import io.github.attn4j.testkit.RandomContract;
import io.github.attn4j.testkit.StorageContract;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The contract with products of bfloat16, on a processor that has AVX-512 but not those: what it
 * lacks is simulated, but for what a call allocates, which a simulator does too. On one that has it
 * all, the contract tests of the backend see the real thing.
 */
final class SimulatedBfloat16Test
    implements RandomContract,
        NamedContract,
        AlgebraContract,
        HostileValuesContract,
        DeterminismContract,
        ExecutorContract,
        MaskFormContract,
        DropoutContract,
        StorageContract,
        PartsContract {
  @BeforeAll
  static void simulate() {
    boolean needed =
        KernelChoice.ACTIVE.isaOrNull() == Isa.AVX512
            && !CpuFeatures.available().contains(Isa.BFLOAT16);
    assumeTrue(needed, "a processor with AVX-512 and without products of bfloat16");
    Disassembly.require();
    Bfloat16Kernels.replaceSource(() -> new SimulatedTable(Lanes.TILE_N).table());
  }

  @AfterAll
  static void forget() {
    if (!KernelChoice.ACTIVE.bfloat16()) {
      Bfloat16Kernels.replaceSource(null);
    }
  }

  @Override
  public String backend() {
    return "cpu";
  }

  /** A quarter of them are in bfloat16. */
  @Override
  public int cases() {
    return 120;
  }

  /** Guards against a run that tests other kernels than its name says. */
  @Test
  void kernelsAreThoseOfBfloat16() {
    assertThat(Bfloat16Kernels.serve(DType.BFLOAT16, DType.BFLOAT16)).isTrue();
    assertThat(Bfloat16Kernels.serve(DType.BFLOAT16, DType.INT8)).isFalse();
    assertThat(Bfloat16Kernels.serve(DType.FLOAT16, DType.FLOAT16)).isFalse();
  }
}
