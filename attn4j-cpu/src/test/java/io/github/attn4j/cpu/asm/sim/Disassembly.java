package io.github.attn4j.cpu.asm.sim;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Code as the disassembler of the GNU binutils reads it, which shares nothing with our assembler.
 *
 * @param lines in order of their offsets, without gaps
 */
public record Disassembly(List<Line> lines) {
  /**
   * One instruction.
   *
   * @param offset in bytes from the start of the code
   * @param text in Intel's syntax, single spaces, without comments and without the name of the
   *     encoding
   */
  public record Line(int offset, String text) {}

  private static final Pattern LINE =
      Pattern.compile("\\s*([0-9a-f]+):\\t(\\{evex} )?([^#]*)(#.*)?");

  /** Ends the test as skipped, and says so loudly, if the disassembler is not installed. */
  public static void require() {
    try {
      run(List.of("objdump", "--version"));
    } catch (IOException missing) {
      System.err.println(
          "SKIPPED: no objdump on this machine, nothing judges the encoder here. Install binutils. "
              + missing.getMessage());
      abort("no objdump");
    }
  }

  /**
   * Disassembles.
   *
   * @param code instructions of x86-64
   * @return its lines
   */
  public static Disassembly of(byte[] code) {
    try {
      Path file = Files.createTempFile("code", ".bin");
      try {
        Files.write(file, code);
        return parse(
            run(
                List.of(
                    "objdump",
                    "--disassemble-all",
                    "--disassemble-zeroes",
                    "--target=binary",
                    "--architecture=i386:x86-64",
                    "--disassembler-options=intel",
                    "--no-show-raw-insn",
                    "--wide",
                    file.toString())));
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Disassembly parse(String listing) {
    List<Line> lines = new ArrayList<>();
    for (String line : listing.split("\n")) {
      Matcher parts = LINE.matcher(line);
      if (parts.matches()) {
        String text = parts.group(3).strip().replaceAll("\\s+", " ");
        lines.add(new Line(Integer.parseInt(parts.group(1), 16), text));
      }
    }
    return new Disassembly(List.copyOf(lines));
  }

  private static String run(List<String> command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      int status = process.waitFor();
      if (status != 0) {
        throw new IllegalStateException("%s ended with %d: %s".formatted(command, status, output));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
    return output;
  }
}
