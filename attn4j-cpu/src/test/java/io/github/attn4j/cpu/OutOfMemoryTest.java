package io.github.attn4j.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Tensor;
import java.util.Collections;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A call for which native memory does not suffice fails, and so does the next: none works on the
 * part of its tiles that it got, which kernels would leave at the end. Each limit, in MiB, ends at
 * another tile; the limit is the process', so each has its own.
 */
final class OutOfMemoryTest {
  private static final int ATTEMPTS = 3;

  /** The other process: rows that fit, then some that do not. */
  static final class Attempts {
    private static final int ROWS = 130;

    private Attempts() {}

    public static void main(String[] arguments) {
      attend(16);
      for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        try {
          attend(3000);
        } catch (OutOfMemoryError expected) {
          System.out.println("out of memory");
        }
      }
    }

    private static void attend(int dim) {
      Tensor rows = Tensor.of(new float[ROWS * dim], 1, 1, ROWS, dim);
      AttentionSpec.Builder spec =
          AttentionSpec.builder().padded(1, ROWS, ROWS).heads(1, 1).dims(dim, dim).threads(1);
      Attention.plan(spec.build()).forward(AttentionInputs.of(rows, rows, rows));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {7, 8, 9, 10})
  void everyAttemptFails(int megabytes) throws Exception {
    // The Vector API has its tiles in arrays.
    String kernels = Attention.backends().getFirst().description();
    assumeTrue(kernels.startsWith("machine code emitted"), kernels);
    String said =
        ChildJava.run(
            Attempts.class,
            "--enable-native-access=ALL-UNNAMED",
            "-XX:MaxDirectMemorySize=" + megabytes + "m",
            "-XX:-CreateCoredumpOnCrash",
            "-Dattn4j.cpu.kernels=avx2");
    assertThat(said.lines().filter(line -> line.equals("out of memory")))
        .as(said)
        .containsExactlyElementsOf(Collections.nCopies(ATTEMPTS, "out of memory"));
  }
}
