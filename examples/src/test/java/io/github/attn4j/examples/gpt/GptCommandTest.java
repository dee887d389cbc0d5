package io.github.attn4j.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The whole command, with a training of a few steps. */
class GptCommandTest {
  @TempDir private Path folder;

  @Test
  void trainsDrawsAndSpeaks() throws IOException {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status =
        new CommandLine(new GptCommand())
            .setOut(new PrintWriter(out))
            .setErr(new PrintWriter(err))
            .execute("--steps", "2", "--prompt", "Ünd", "--out", folder.toString());
    assertThat(err.toString()).doesNotContain("Exception").doesNotContain("\r");
    assertThat(status).isZero();
    assertThat(out.toString())
        .contains("821,504 parameters")
        .contains("4,096 tokens in 2 steps")
        .contains("FLOAT32 cache: 1,048,576 bytes")
        .contains("BFLOAT16 cache: 524,288 bytes")
        .contains("INT8 cache: 294,912 bytes")
        .contains("[Ünd]")
        .contains("two continuations by a fork");
    assertThat(Files.readString(folder.resolve("loss.svg"))).contains("<svg");
    assertThat(Files.size(folder.resolve("loss.svg"))).isLessThan(60_000);
    // Three caches and a fork.
    assertThat(Files.readString(folder.resolve("sample.txt")).split("\\[Ünd\\]", -1)).hasSize(6);
  }
}
