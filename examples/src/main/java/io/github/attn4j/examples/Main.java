package io.github.attn4j.examples;

import io.github.attn4j.examples.gpt.GptCommand;
import io.github.attn4j.examples.minilm.MiniLmCommand;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command {@code bin/example}. */
@Command(
    name = "example",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "NAME",
    subcommands = {
      MiniLmCommand.class,
      GptCommand.class,
    },
    description = "Whole models on attn4j.")
public final class Main {
  private Main() {}

  /** Runs an example and ends the process with its exit status. */
  public static void main(String[] arguments) {
    // Pictures need no screen.
    System.setProperty("java.awt.headless", "true");
    Locale.setDefault(Locale.ROOT);
    System.exit(new CommandLine(new Main()).execute(arguments));
  }
}
