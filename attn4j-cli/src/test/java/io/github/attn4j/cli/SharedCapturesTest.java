package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.attn4j.cli.capture.RawFile;
import io.github.attn4j.cli.capture.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real calls of a sentence encoder, their results computed by ONNX Runtime. */
class SharedCapturesTest {
  @TempDir Path folder;

  /** A folder {@code shared/captures} beside this checkout or above it. */
  private static @Nullable Path captures() {
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      Path candidate = at.resolve("shared").resolve("captures");
      if (Files.isDirectory(candidate)) {
        return candidate;
      }
    }
    return null;
  }

  @Test
  void everyFlashMaskCallAgreesWithinOneHundredThousandth() throws IOException {
    Path captures = captures();
    if (captures == null) {
      System.err.println("SKIPPED: SharedCapturesTest found no folder shared/captures above here");
    }
    assumeTrue(captures != null, "no folder shared/captures");
    List<Path> files;
    try (Stream<Path> all = Files.list(captures)) {
      files =
          all.filter(file -> file.toString().endsWith("-flashmask.safetensors")).sorted().toList();
    }
    assertThat(files).isNotEmpty();
    List<String> arguments =
        Stream.concat(
                Stream.of("run", "--out", folder.toString()), files.stream().map(Path::toString))
            .toList();
    Cli.Said said = Cli.run(arguments.toArray(String[]::new));
    assertThat(said.status()).as(said.out()).isZero();
    for (Path file : files) {
      try (SafetensorsFile call = SafetensorsFile.open(file);
          SafetensorsFile results = SafetensorsFile.open(folder.resolve(file.getFileName()))) {
        float[] out = RawFile.tensor(results, "out").toFloatArray();
        float[] expected = RawFile.tensor(call, "expected.out").toFloatArray();
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
}
