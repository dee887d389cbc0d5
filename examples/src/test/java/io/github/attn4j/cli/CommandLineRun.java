package io.github.attn4j.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/**
 * One run of the command line in this process: the documentation's commands, without a JVM each.
 *
 * @param status the exit status
 * @param out what it printed
 * @param err what it said of problems
 */
public record CommandLineRun(int status, String out, String err) {
  /**
   * Runs a command.
   *
   * @param arguments behind {@code attn4j}
   * @return what came of it
   */
  public static CommandLineRun of(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status =
        Main.run(new Terminal(new PrintWriter(out), new PrintWriter(err), false), arguments);
    return new CommandLineRun(status, out.toString(), err.toString());
  }
}
