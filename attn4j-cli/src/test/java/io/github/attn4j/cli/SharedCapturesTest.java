package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.github.attn4j.cli.capture.RawFile;
import io.github.attn4j.cli.capture.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Calls that others computed: a sentence encoder's by ONNX Runtime, and the ONNX project's own test
 * cases.
 */
class SharedCapturesTest {
  @TempDir Path folder;

  /** A folder beside this checkout or above it, under {@code shared}. */
  private static Path shared(String name) {
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      Path candidate = at.resolve("shared").resolve(name);
      if (Files.isDirectory(candidate)) {
        return candidate;
      }
    }
    System.err.println(
        "SKIPPED: SharedCapturesTest found no folder shared/" + name + " above here");
    return abort("no folder shared/" + name);
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
    }
  }

  /** Runs calls that must all agree with what they expect, every one of their expectations. */
  private void replay(List<Path> files) throws IOException {
    List<String> arguments =
        Stream.concat(
                Stream.of("run", "--out", folder.toString()), files.stream().map(Path::toString))
            .toList();
    Cli.Said said = Cli.run(arguments.toArray(String[]::new));
    assertThat(said.status()).as(said.out()).isZero();
    assertThat(said.out().lines()).hasSameSizeAs(files);
    assertThat(said.out()).doesNotContain("nothing to compare with");
  }

  @Test
  void everyCaptureAgreesWithinOneHundredThousandth() throws IOException {
    List<Path> files = files(shared("captures"));
    assertThat(files).hasSizeGreaterThanOrEqualTo(4);
    replay(files);
    for (Path file : files) {
      try (SafetensorsFile call = SafetensorsFile.open(file);
          SafetensorsFile results = SafetensorsFile.open(folder.resolve(file.getFileName()))) {
        String name = call.tensors().containsKey("expected.out") ? "out" : "attention_out";
        float[] out = RawFile.tensor(results, name).toFloatArray();
        float[] expected = RawFile.tensor(call, "expected." + name).toFloatArray();
        assertThat(out).hasSameSizeAs(expected);
        float largest = 0;
        for (int n = 0; n < out.length; n++) {
          // Math.max keeps a NaN.
          largest = Math.max(largest, Math.abs(out[n] - expected[n]));
        }
        assertThat(largest).isLessThanOrEqualTo(1e-5f);
      }
    }
  }

  @Test
  void theStandardsOwnCasesAgree() throws IOException {
    List<Path> files = files(shared("conformance").resolve("onnx"));
    assertThat(files).hasSizeGreaterThanOrEqualTo(38);
    replay(files);
  }
}
