package io.github.attn4j.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Attention;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
    Process java =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-D" + property,
                "-cp",
                System.getProperty("java.class.path"),
                Attempts.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(java.waitFor()).as(output).isZero();
    assertThat(output.lines().filter(line -> line.contains(expected))).as(output).hasSize(3);
  }
}
