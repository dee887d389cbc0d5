package io.github.attn4j.examples.minilm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What is wrong with a command line is said in one line that names the option. */
class MiniLmCommandTest {
  private final StringWriter err = new StringWriter();
  @TempDir private Path folder;

  private void assertRefused(String message, String... arguments) {
    int status =
        new CommandLine(new MiniLmCommand()).setErr(new PrintWriter(err)).execute(arguments);
    assertThat(status).isEqualTo(2);
    assertThat(err.toString()).startsWith(message);
    err.getBuffer().setLength(0);
  }

  @Test
  void refusesWhatItCannotDo() throws IOException {
    assertRefused("--texts: expected 1 to 64, got 65", "--texts", "65");
    assertRefused("--threads: expected 0 to 1024, got -1", "--threads", "-1");
    assertRefused("--turns: expected 1 to 1000, got 0", "--turns", "0");
    String missing = folder.resolve("missing.txt").toString();
    assertRefused("--file: java.nio.file.NoSuchFileException: " + missing, "--file", missing);
    String blank = Files.writeString(folder.resolve("blank.txt"), " \n\n").toString();
    assertRefused("--file: expected texts, got none", "--file", blank);
    Path other = Files.write(folder.resolve("latin1.txt"), new byte[] {(byte) 0xe9, '\n'});
    assertRefused("--file: java.nio.charset.MalformedInputException", "--file", other.toString());
  }
}
