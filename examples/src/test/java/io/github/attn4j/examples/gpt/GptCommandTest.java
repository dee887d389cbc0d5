package io.github.attn4j.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The whole command, with a small model, little text and a training of a few steps. */
class GptCommandTest {
  private static final GptConfig SMALL = new GptConfig(64, 2, 2, 32, 0.1);

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir private Path folder;

  private int run(String... arguments) {
    return new CommandLine(new GptCommand(SMALL))
        .setOut(new PrintWriter(out))
        .setErr(new PrintWriter(err))
        .execute(arguments);
  }

  private String text() throws IOException {
    Path file = folder.resolve("text.txt");
    StringBuilder text = new StringBuilder();
    for (int n = 0; n < 20; n++) {
      text.append("What is said in paragraph ").append(n).append(" is not much.\n\n");
    }
    return Files.writeString(file, text).toString();
  }

  @Test
  void trainsDrawsAndSpeaks() throws IOException {
    Path results = folder.resolve("results");
    int status =
        run(
            "--steps",
            "3",
            "--prompt",
            "Ünd was danach",
            "--text",
            text(),
            "--out",
            results.toString());
    assertThat(err.toString()).isEmpty();
    assertThat(status).isZero();
    // 64 tokens in two layers: key and value of 32 numbers, int8 with a scale for each of two
    // heads.
    // The prompt fills a page, which the fork shares; each continuation has two of its own.
    assertThat(out.toString())
        .contains("6,144 tokens in 3 steps")
        .contains("--- FLOAT32 cache: 32,768 bytes")
        .contains("--- BFLOAT16 cache: 16,384 bytes")
        .contains("--- INT8 cache: 10,240 bytes")
        .contains("[Ünd was danach]")
        .contains("two continuations by a fork; pages: 2 with the prompt, 10 at the end");
    assertThat(Files.readString(results.resolve("loss.svg"))).contains("<svg");
    assertThat(Files.size(results.resolve("loss.svg"))).isLessThan(60_000);
    // Three caches and a fork.
    assertThat(Files.readString(results.resolve("sample.txt")).split("\\[Ünd was danach\\]", -1))
        .hasSize(6);
  }

  /** Wrong command lines, refused in one line that names the option. */
  @Test
  void refusesWhatItCannotDo() {
    assertThat(run("--steps", "0")).isEqualTo(2);
    assertThat(err.toString()).startsWith("--steps: expected at least 1, got 0");
    err.getBuffer().setLength(0);
    // After which no step would be over, and more than a long has nanoseconds for.
    for (String minutes : List.of("1e-9", "1e30", "NaN")) {
      assertThat(run("--minutes", minutes)).isEqualTo(2);
      assertThat(err.toString())
          .startsWith("--minutes: expected 0.01 to 10000, got " + Double.valueOf(minutes));
      err.getBuffer().setLength(0);
    }
    assertThat(run("--text", folder.resolve("missing").toString())).isEqualTo(2);
    assertThat(err.toString()).startsWith("--text: ").contains("missing");
  }
}
