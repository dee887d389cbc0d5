package io.github.attn4j.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.attn4j.Attention;
import io.github.attn4j.testkit.BackendContract;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The CPU backend keeps the contract, at the vector width this run is about. */
final class CpuBackendTest extends BackendContract {
  private static int wantedBits() {
    return Integer.getInteger("attn4j.vectorBits", VectorShape.preferredShape().vectorBitSize());
  }

  /**
   * A wider vector than the machine's would run, boxed, a hundred times slower: skip and say so.
   */
  @BeforeAll
  static void machineHasTheWidth() {
    int most = VectorShape.S_Max_BIT.vectorBitSize();
    if (wantedBits() > most) {
      System.out.printf("SKIPPED: %d-bit vectors, this JVM offers %d%n", wantedBits(), most);
    }
    assumeTrue(wantedBits() <= most, "vector width not offered by this JVM");
  }

  @Override
  public String backend() {
    return "cpu";
  }

  /** Guards against a run that silently tests another backend or width than its name says. */
  @Test
  void widthIsTheOneAskedFor() {
    assertThat(Attention.backends().getFirst().name()).isEqualTo("cpu");
    assertThat(Attention.backends().getFirst().description())
        .contains(wantedBits() + "-bit vectors");
  }
}
