package io.github.attn4j.cli;

import io.github.attn4j.RefusedException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command {@code attn4j}. */
@Command(
    name = "attn4j",
    synopsisSubcommandLabel = "COMMAND",
    description = {
      "Fused attention for the JVM: exact, in memory linear in the sequence, forward and "
          + "backward, under any mask.",
      ""
    },
    footer = {
      "",
      "Start here:",
      "  attn4j demo                          twelve masks, checked, timed and drawn; no "
          + "input needed",
      "  attn4j mask causal-document --seq 32 what a mask is, in the terminal",
      "  attn4j run --out DIR CALL...         replay calls captured from other frameworks",
      "  attn4j info                          what runs here, how wide, and why not wider",
      "",
      "'attn4j COMMAND --help' explains a command with examples.",
      "ATTN4J_JAVA_OPTS holds further arguments for the JVM, for example -Xmx8g."
    })
public final class Main {
  private Main() {}

  /**
   * Runs a command and ends the process with its exit status.
   *
   * @param arguments the command line
   */
  public static void main(String[] arguments) {
    // Pictures need no screen.
    System.setProperty("java.awt.headless", "true");
    Locale.setDefault(Locale.ROOT);
    System.exit(run(Terminal.ofProcess(), arguments));
  }

  /** Runs a command. */
  static int run(Terminal terminal, String... arguments) {
    CommandLine line = new CommandLine(new Main());
    commands(terminal, arguments).values().forEach(command -> line.addSubcommand(command.get()));
    standard(line);
    line.getSubcommands().values().forEach(Main::standard);
    return line.setOut(terminal.out())
        .setErr(terminal.err())
        .setUsageHelpWidth(100)
        .setUsageHelpLongOptionsMaxWidth(36)
        .setParameterExceptionHandler(Main::wrongCommandLine)
        .setExecutionExceptionHandler((failure, command, parsed) -> failed(failure, command))
        .execute(arguments);
  }

  /** All, or the one that is asked for: each costs picocli some time to read. */
  private static Map<String, Supplier<Object>> commands(Terminal terminal, String[] arguments) {
    Map<String, Supplier<Object>> all = new LinkedHashMap<>();
    all.put("run", () -> new RunCommand(terminal));
    all.put("mask", () -> new MaskCommand(terminal));
    all.put("info", () -> new InfoCommand(terminal));
    all.put("demo", () -> new DemoCommand(terminal));
    all.put("bench", () -> new BenchCommand(terminal));
    Supplier<Object> one = arguments.length == 0 ? null : all.get(arguments[0]);
    return one == null ? all : Map.of(arguments[0], one);
  }

  private static void standard(CommandLine command) {
    command.getCommandSpec().mixinStandardHelpOptions(true).versionProvider(new Version());
  }

  private static int wrongCommandLine(CommandLine.ParameterException problem, String[] arguments) {
    CommandLine command = problem.getCommandLine();
    command
        .getErr()
        .println(command.getCommandSpec().qualifiedName() + ": " + problem.getMessage());
    CommandLine.UnmatchedArgumentException.printSuggestions(problem, command.getErr());
    command.getErr().printf("'%s --help' explains it.%n", command.getCommandSpec().qualifiedName());
    command.getErr().flush();
    return CommandLine.ExitCode.USAGE;
  }

  private static int failed(Exception failure, CommandLine command) throws Exception {
    if (failure instanceof RefusedException refused) {
      command.getErr().println(refused.kind() + ": " + refused.getMessage());
    } else if (failure instanceof java.io.IOException problem) {
      command.getErr().println(command.getCommandSpec().qualifiedName() + ": " + problem);
    } else {
      throw failure;
    }
    command.getErr().flush();
    return CommandLine.ExitCode.SOFTWARE;
  }
}
