package io.github.attn4j.cli;

import io.github.attn4j.DType;
import io.github.attn4j.cli.pattern.Patterns;
import io.github.attn4j.cli.picture.MaskView;
import io.github.attn4j.cli.picture.PngPicture;
import io.github.attn4j.cli.picture.SvgPicture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "demo",
    sortOptions = false,
    description = {
      "Runs FlashMask's twelve masks forward and backward, checks them, times them and draws them.",
      "",
      "Needs no input. Rows and gradients sampled all over each mask are checked against float64.",
      ""
    },
    footer = {
      "",
      "'speed-up' compares with the same call with no mask to skip by. An error is in "
          + "order if it is at most twice "
          + "that of a plain float32 program, plus rounding noise.",
      "",
      "Exit status: 0 every check held, 1 some check failed.",
      "",
      "Examples:",
      "  attn4j demo",
      "  attn4j demo --seq 8192 --dim 128 --out pictures"
    })
final class DemoCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final double seconds;

  @Spec private CommandSpec spec;

  @Option(
      names = "--seq",
      paramLabel = "S",
      defaultValue = "2048",
      description = "Rows of query and key; 2048 unless given.")
  private int seq;

  @Option(names = "--heads", defaultValue = "4", description = "Heads; 4 unless given.")
  private int heads;

  @Option(names = "--dim", defaultValue = "64", description = "Columns of a head; 64 unless given.")
  private int dim;

  @Option(names = "--batch", defaultValue = "1", description = "Sequences; 1 unless given.")
  private int batch;

  @Option(
      names = "--dtype",
      defaultValue = "f32",
      description = "f32, bf16 or f16; f32 unless given.")
  private String dtype;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description = "Threads at work; 0, the default, is one per processor.")
  private int threads;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "attn4j-demo",
      description = "Folder of the page and its pictures; attn4j-demo here unless given.")
  private Path out;

  /** The command; its times settle in a fraction of a second. */
  DemoCommand(Terminal terminal) {
    this(terminal, 0.15);
  }

  DemoCommand(Terminal terminal, double seconds) {
    this.terminal = terminal;
    this.seconds = seconds;
  }

  @Override
  public Integer call() throws IOException {
    check("--seq", seq, 16);
    check("--heads", heads, 1);
    check("--dim", dim, 1);
    check("--batch", batch, 1);
    check("--threads", threads, 0);
    Demo demo = new Demo(new Demo.Sizes(batch, heads, seq, dim, parse(dtype), threads), seconds);
    Files.createDirectories(out);
    List<Demo.Line> lines = new ArrayList<>();
    Table table = table();
    try (Progress progress = new Progress(terminal, "demo", Patterns.benchmark().size())) {
      progress.println(demo.about());
      progress.println("");
      table.lines().forEach(progress::println);
      progress.label("warming up");
      demo.warmUp(Patterns.benchmark());
      for (String name : Patterns.benchmark()) {
        progress.label(name);
        Demo.Line line = demo.run(name);
        lines.add(line);
        progress.println(table.row(cells(line)).last());
        MaskView view = MaskView.of(name, line.grid(), Patterns.says(name));
        PngPicture.writeMask(view, out.resolve(name + ".png"));
        Files.writeString(out.resolve(name + ".svg"), SvgPicture.mask(view));
        progress.step();
      }
    }
    Path page = out.resolve("index.html");
    Files.writeString(page, DemoPage.html(demo, lines));
    long failed = lines.stream().filter(line -> !line.ok()).count();
    terminal.out().println();
    terminal
        .out()
        .println(
            failed == 0
                ? "All checks held: %s.".formatted(demo.checked())
                : "%d of %d masks failed their checks.".formatted(failed, lines.size()));
    terminal.out().println("Pictures beside the table: " + page.toAbsolutePath().normalize());
    terminal.out().flush();
    return failed == 0 ? 0 : 1;
  }

  private void check(String option, int value, int least) {
    if (value < least) {
      throw new ParameterException(
          spec.commandLine(), "%s: expected at least %d, got %d".formatted(option, least, value));
    }
  }

  private DType parse(String name) {
    return switch (name) {
      case "f32" -> DType.FLOAT32;
      case "bf16" -> DType.BFLOAT16;
      case "f16" -> DType.FLOAT16;
      default ->
          throw new ParameterException(
              spec.commandLine(), "--dtype: expected f32, bf16 or f16, got " + name);
    };
  }

  private static Table table() {
    return new Table("", "tiles", "forward", "", "", "backward", "", "", "max error", "", "")
        .widths(21, 7, 10, 8, 8, 10, 8, 8, 9, 9, 4)
        .row(
            "pattern",
            "skipped",
            "ms",
            "GFLOP/s",
            "speed-up",
            "ms",
            "GFLOP/s",
            "speed-up",
            "out",
            "gradients",
            "ok");
  }

  /** The numbers of a line as people read them. */
  static String[] cells(Demo.Line line) {
    return new String[] {
      line.name(),
      format("%.1f %%", 100 * line.skipped()),
      format("%.2f", line.forward().seconds() * 1e3),
      format("%.1f", line.forwardGflops()),
      format("%.1f x", line.forwardSpeedUp()),
      format("%.2f", line.backward().seconds() * 1e3),
      format("%.1f", line.backwardGflops()),
      format("%.1f x", line.backwardSpeedUp()),
      format("%.1e", line.outError()),
      format("%.1e", line.gradientError()),
      line.ok() ? "ok" : "FAILED"
    };
  }

  private static String format(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
