package io.github.attn4j.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.attn4j.Attention;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernels that cannot be had: whoever asks for an attention reads what the property was to be, each
 * time, and no error of class loading. Kernels are chosen once per process, so each case has its
 * own.
 */
final class RefusedKernelsTest {
  /** What the process does: two attempts, since the second must not say less. */
  static final class Attempts {
    private Attempts() {}

    public static void main(String[] arguments) {
      Tensor row = Tensor.of(new float[16], 1, 1, 1, 16);
      System.out.println(Attention.backends().getFirst().description());
      for (int attempt = 0; attempt < 2; attempt++) {
        try {
          Attention.forward(row, row, row);
        } catch (RefusedException refused) {
          System.out.println(refused.getMessage());
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "attn4j.cpu.kernels=neon | attn4j.cpu.kernels: expected vector, avx2 or avx512, got neon",
        "attn4j.cpu.without=mmx | attn4j.cpu.without: expected some of",
        "attn4j.vectorBits=100 | attn4j.vectorBits: expected 128, 256 or 512, got 100"
      })
  void whatWasAskedForIsNamed(String property, String expected)
      throws IOException, InterruptedException {
    refused(expected, "--add-modules=jdk.incubator.vector", "-D" + property);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-Dattn4j.cpu.kernels=vector",
        "-Dattn4j.vectorBits=256",
        "-Dattn4j.cpu.without=avx2,avx512f",
        "--illegal-native-access=deny"
      })
  void withoutMachineCodeTheVectorModuleIsAskedFor(String argument)
      throws IOException, InterruptedException {
    String access = argument.startsWith("--") ? "none" : "ALL-UNNAMED";
    refused(
        "need java to start with --add-modules jdk.incubator.vector",
        "--enable-native-access=" + access,
        argument);
  }

  @Test
  void machineCodeNeedsNoModule() throws IOException, InterruptedException {
    String kernels = Attention.backends().getFirst().description();
    assumeTrue(kernels.startsWith("machine code emitted"), kernels);
    String output = ChildJava.run(Attempts.class, "--enable-native-access=ALL-UNNAMED");
    assertThat(output.lines()).containsExactly(kernels);
  }

  private static void refused(String expected, String... arguments)
      throws IOException, InterruptedException {
    String output = ChildJava.run(Attempts.class, arguments);
    assertThat(output.lines().filter(line -> line.contains(expected))).as(output).hasSize(3);
  }
}
