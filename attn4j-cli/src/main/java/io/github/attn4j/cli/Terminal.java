package io.github.attn4j.cli;

import java.io.Console;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Where a command speaks.
 *
 * @param out results
 * @param err problems and progress
 * @param interactive whether a person is watching; progress is shown to people only
 */
record Terminal(PrintWriter out, PrintWriter err, boolean interactive) {
  /** The terminal of this process. */
  static Terminal ofProcess() {
    return new Terminal(
        writer(FileDescriptor.out, System.out),
        writer(FileDescriptor.err, System.err),
        Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false));
  }

  /**
   * Masks are drawn in block characters; a stream that cannot say them gets UTF-8, which terminals
   * understand.
   */
  private static PrintWriter writer(FileDescriptor descriptor, PrintStream stream) {
    Charset charset = stream.charset();
    if (!charset.newEncoder().canEncode('█')) {
      charset = StandardCharsets.UTF_8;
    }
    return new PrintWriter(new FileOutputStream(descriptor), true, charset);
  }
}
