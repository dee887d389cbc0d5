package io.github.attn4j.bench;

import io.github.attn4j.bench.ladder.Ladder;
import io.github.attn4j.bench.ladder.Rung;
import io.github.attn4j.bench.measure.Bench;
import io.github.attn4j.bench.measure.Lines;
import io.github.attn4j.bench.measure.Measurement;
import io.github.attn4j.bench.measure.RungCall;
import io.github.attn4j.bench.measure.Section;
import io.github.attn4j.bench.measure.Suite;
import io.github.attn4j.bench.measure.Turns;
import io.github.attn4j.bench.peer.Peer;
import io.github.attn4j.bench.peer.Peers;
import io.github.attn4j.bench.report.Report;
import io.github.attn4j.cpu.MachinePeak;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command {@code bin/peers}. */
@Command(
    name = "peers",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = {
      "Measures attn4j beside what else Java can call for attention, in one run, in turn, and "
          + "writes the tables and charts of docs/performance.md.",
      ""
    })
public final class PeersCommand {
  private static final String DOCUMENT = "docs/performance.md";

  @Spec private CommandSpec spec;

  private PeersCommand() {}

  /**
   * Runs a command and ends the process with its exit status.
   *
   * @param arguments the command line
   */
  public static void main(String[] arguments) {
    // Charts need no screen.
    System.setProperty("java.awt.headless", "true");
    Locale.setDefault(Locale.ROOT);
    System.exit(
        new CommandLine(new PeersCommand())
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setExecutionExceptionHandler(PeersCommand::failed)
            .execute(arguments));
  }

  private static int failed(Exception failure, CommandLine command, CommandLine.ParseResult parsed)
      throws Exception {
    if (failure instanceof IOException) {
      command.getErr().println("peers: " + failure.getMessage());
      return CommandLine.ExitCode.SOFTWARE;
    }
    throw failure;
  }

  @Command(
      mixinStandardHelpOptions = true,
      description = "Measures, and writes one JSON object per line.")
  int measure(
      @Option(
              names = "--out",
              paramLabel = "FILE",
              required = true,
              description = "Where to; replaced if it is there.")
          Path out,
      @Option(names = "--quick", description = "Small shapes, in less than three minutes.")
          boolean quick,
      @Option(
              names = "--section",
              paramLabel = "NAME",
              split = ",",
              description = "Only these: ${COMPLETION-CANDIDATES}.")
          @Nullable Set<Section> sections)
      throws IOException {
    Suite suite = new Suite(quick, Runtime.getRuntime().availableProcessors());
    Set<Section> wanted = sections == null ? EnumSet.allOf(Section.class) : sections;
    List<Suite.Item> items =
        suite.items().stream().filter(item -> wanted.contains(item.section())).toList();
    List<Peer> peers = present();
    try (BufferedWriter lines = Files.newBufferedWriter(out)) {
      Bench bench = new Bench(suite.turns(), peers);
      for (int n = 0; n < items.size(); n++) {
        for (Measurement measured : bench.measure(items.get(n))) {
          lines.write(Lines.write(measured));
          lines.newLine();
          print("%3d/%d  %s", n + 1, items.size(), said(measured));
        }
        lines.flush();
      }
    } finally {
      peers.forEach(Peer::close);
    }
    return CommandLine.ExitCode.OK;
  }

  /** Who can run here; the others are named with their reason. */
  private List<Peer> present() {
    List<Peer> present = new ArrayList<>();
    for (Peer peer : Peers.all()) {
      peer.absence()
          .ifPresentOrElse(
              reason -> print("LEFT OUT  %s: %s", peer.name(), reason), () -> present.add(peer));
    }
    return present;
  }

  private static String said(Measurement measured) {
    Measurement.Rate rate = measured.rate();
    return "%-20s %-60s %10.3f ms  %s"
        .formatted(
            measured.peer(),
            measured.section()
                + " "
                + measured.work().pass()
                + " "
                + measured.work().mask()
                + " S "
                + measured.work().seqK()
                + " D "
                + measured.work().dim()
                + " "
                + measured.work().dtype()
                + " x"
                + measured.work().threads(),
            measured.seconds() * 1e3,
            rate == null
                ? ""
                : "%8.2f (%.3f)%s"
                    .formatted(
                        rate.value(),
                        rate.share(),
                        measured.maxError() == null
                            ? ""
                            : "  off by %.1e".formatted(measured.maxError())));
  }

  @Command(
      mixinStandardHelpOptions = true,
      description = {
        "Writes the tables between the marks of " + DOCUMENT + " and the charts beside it."
      })
  int report(
      @Parameters(paramLabel = "FILE", description = "What measure wrote.") Path file,
      @Option(
              names = "--document",
              defaultValue = DOCUMENT,
              description = "The document; ${DEFAULT-VALUE} unless given.")
          Path document)
      throws IOException {
    Report.write(Lines.read(file), document);
    print("wrote %s", document);
    return CommandLine.ExitCode.OK;
  }

  @Command(mixinStandardHelpOptions = true, description = "Measures, then reports.")
  int all(
      @Option(
              names = "--out",
              paramLabel = "FILE",
              defaultValue = "attn4j-bench/target/peers.jsonl",
              description = "The measurements; ${DEFAULT-VALUE} unless given.")
          Path out,
      @Option(names = "--quick", description = "As for measure.") boolean quick,
      @Option(names = "--document", defaultValue = DOCUMENT, description = "As for report.")
          Path document)
      throws IOException {
    measure(out, quick, null);
    return report(out, document);
  }

  @Command(
      mixinStandardHelpOptions = true,
      description = "Climbs the ladder of attempts at a float32 product: what each gained.")
  int ladder() {
    List<Rung> rungs = Ladder.rungs();
    double before = MachinePeak.fmaGflops(1);
    double[] rates = RungCall.rates(rungs, new Turns(0.5, 3));
    double peak = (before + MachinePeak.fmaGflops(1)) / 2;
    print("%s", "peak %.1f GFLOP/s%n%s".formatted(peak, Ladder.titles()));
    for (int n = 0; n < rates.length; n++) {
      print("%s", Ladder.line(rungs.get(n), rates[n], n == 0 ? 0 : rates[n - 1], peak));
    }
    return CommandLine.ExitCode.OK;
  }

  private void print(String format, Object... values) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf(format + "%n", values);
    out.flush();
  }
}
