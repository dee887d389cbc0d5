package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.cli.pattern.Patterns;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class DemoCommandTest {
  @TempDir Path folder;

  @Test
  void twelveMasksAreCheckedTimedAndDrawn() throws IOException {
    Path out = folder.resolve("demo");
    StringWriter said = new StringWriter();
    PrintWriter writer = new PrintWriter(said, true);
    int status =
        new CommandLine(new DemoCommand(new Terminal(writer, writer, false), 0.005))
            .execute("--seq", "200", "--heads", "2", "--dim", "16", "--out", out.toString());
    assertThat(status).as(said.toString()).isZero();
    assertThat(said.toString()).contains("All checks held").doesNotContain("FAILED");
    String page = Files.readString(out.resolve("index.html"));
    assertThat(page).contains("all checks held").doesNotContain("src=").doesNotContain("http");
    assertThat(Patterns.benchmark()).hasSize(12);
    for (String name : Patterns.benchmark()) {
      assertThat(said.toString()).containsPattern("(?m)^" + name + " .* ok$");
      assertThat(page).contains(">" + name + "<");
      assertThat(out.resolve(name + ".svg")).isNotEmptyFile();
      assertThat(ImageIO.read(out.resolve(name + ".png").toFile())).isNotNull();
    }
  }

  @Test
  void sizesThatMakeNoSenseAreAWrongCommandLine() {
    for (String[] option : new String[][] {{"--seq", "0"}, {"--heads", "0"}, {"--dtype", "f64"}}) {
      assertThat(Cli.run("demo", option[0], option[1]).status()).isEqualTo(2);
    }
  }
}
