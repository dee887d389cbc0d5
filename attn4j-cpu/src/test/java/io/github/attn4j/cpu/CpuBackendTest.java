package io.github.attn4j.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.attn4j.Attention;
import io.github.attn4j.cpu.asm.CpuFeatures;
import io.github.attn4j.cpu.emit.Isa;
import io.github.attn4j.testkit.BackendContract;
import java.util.Locale;
import java.util.Set;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The CPU backend keeps the contract, at the vector width this run is about. */
final class CpuBackendTest extends BackendContract {
  /** Kernels by name, or by vector width: what this run is about. */
  private static final String KERNELS = System.getProperty("attn4j.cpu.kernels", "");

  private static final int BITS = Integer.getInteger("attn4j.vectorBits", 0);

  /**
   * A processor without the instructions cannot run the kernels; a wider vector than the JVM offers
   * would run, boxed, a hundred times slower. Skip, and say so.
   */
  @BeforeAll
  static void machineHasTheKernels() {
    if (BITS > 0) {
      require(BITS <= VectorShape.S_Max_BIT.vectorBitSize(), BITS + "-bit vectors of the JVM");
    }
    for (Isa isa : Isa.values()) {
      if (KERNELS.equals(isa.name().toLowerCase(Locale.ROOT))) {
        require(available().containsAll(isa.needs()), "instructions of " + isa.label());
      }
    }
  }

  private static Set<CpuFeatures> available() {
    try {
      return CpuFeatures.available();
    } catch (IllegalStateException noMachineCode) {
      return Set.of();
    }
  }

  private static void require(boolean there, String what) {
    if (!there) {
      System.out.println("SKIPPED: this machine does not offer " + what);
    }
    assumeTrue(there, what);
  }

  @Override
  public String backend() {
    return "cpu";
  }

  /** What multiplies bfloat16 is named, or what the processor lacks for it. */
  @Test
  void productsOfBfloat16AreNamed() {
    String description = Attention.backends().getFirst().description();
    String expected = "float16 and bfloat16 widened on load";
    if (description.contains("emitted for AVX-512")) {
      boolean there = available().contains(CpuFeatures.AVX512_BF16);
      expected = there ? "bfloat16 by vdpbf16ps" : expected + ", the processor lacks avx512_bf16";
    }
    assertThat(description).contains(expected);
  }

  /** Guards against a run that silently tests other kernels than its name says. */
  @Test
  void kernelsAreThoseAskedFor() {
    assertThat(Attention.backends().getFirst().name()).isEqualTo("cpu");
    String description = Attention.backends().getFirst().description();
    if (BITS > 0) {
      assertThat(description).startsWith("Vector API").contains(BITS + "-bit vectors");
    }
    switch (KERNELS) {
      case "vector" -> assertThat(description).startsWith("Vector API");
      case "avx2" -> assertThat(description).contains("emitted for AVX2", "256-bit vectors");
      case "avx512" -> assertThat(description).contains("emitted for AVX-512", "512-bit vectors");
      default -> {
        Isa best = BITS > 0 ? null : Isa.best(available());
        String kernels = best == null ? "Vector API" : "machine code emitted for " + best.label();
        assertThat(description).startsWith(kernels + ",");
      }
    }
  }
}
