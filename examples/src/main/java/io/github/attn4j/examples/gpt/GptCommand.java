package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;
import io.github.attn4j.examples.terminal.Progress;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Trains a small GPT and lets it speak. */
@Command(
    name = "gpt",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Trains a small GPT from scratch on this project's own documents, then generates text with",
      "float32, bfloat16 and int8 key/value caches. Three minutes on two free cores.",
      "The same seed gives the same losses, bit for bit, with any number of threads."
    })
public final class GptCommand implements Callable<Integer> {
  private final GptConfig config;

  private static final int ROWS = 2048;
  private static final double RATE = 3e-3;
  private static final int STEPS = 500;
  private static final int QUICK_STEPS = 40;

  /** How often the held-out loss is taken. */
  private static final int EVALUATIONS = 20;

  @Option(names = "--steps", paramLabel = "N", description = "Steps of 2048 tokens (default: 500).")
  private int steps = STEPS;

  @Option(names = "--quick", description = "40 steps: a look at the whole, in half a minute.")
  private boolean quick;

  @Option(
      names = "--minutes",
      paramLabel = "M",
      description = "Train no longer than this. The losses then depend on the machine's speed.")
  private @Nullable Double minutes;

  @Option(names = "--seed", paramLabel = "N", description = "Of weights, order and dropout.")
  private long seed = 1;

  @Option(names = "--threads", paramLabel = "N", description = "Default: one per processor.")
  private int threads;

  @Option(
      names = "--text",
      paramLabel = "PATH",
      description = "Learn from this file, or folder of files, instead.")
  private @Nullable Path text;

  @Option(names = "--prompt", paramLabel = "TEXT", description = "What the samples start with.")
  private String prompt = "## Masks\n\nA mask says which keys";

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where loss.svg and sample.txt go (default: ${DEFAULT-VALUE}).")
  private Path folder = Path.of("attn4j-gpt");

  @Spec private CommandSpec spec;

  /** The command as it is called. */
  public GptCommand() {
    this(new GptConfig(256, 4, 4, 128, 0.1));
  }

  /** With a model of another shape. */
  GptCommand(GptConfig config) {
    this.config = config;
  }

  @Override
  public Integer call() throws IOException {
    check("--steps", "at least 1", steps, steps >= 1);
    check("--threads", "at least 0", threads, threads >= 0);
    check("--minutes", "0.01 to 10000", minutes, minutes == null || inRange(minutes));
    int promptTokens = Tokens.ofStart(prompt).length;
    String room = "fewer than %d bytes".formatted(config.context() - 1);
    check("--prompt", room, promptTokens - 1 + " bytes", promptTokens < config.context());
    PrintWriter out = spec.commandLine().getOut();
    Corpus corpus = corpus();
    Duration limit = minutes == null ? null : Duration.ofMillis((long) (minutes * 60_000));
    Training training = new Training(quick ? QUICK_STEPS : steps, ROWS, RATE, seed, limit);
    Files.createDirectories(folder);
    try (Workers workers = new Workers(threads)) {
      Gpt model = new Gpt(config, ROWS, seed, workers);
      Report report = new Report(model, seed, out, workers);
      report.print(
          "%,d parameters: %d layers, %d heads, width %d, context %d bytes",
          model.parameters().count(),
          config.layers(),
          config.heads(),
          config.width(),
          config.context());
      report.print(
          "%,d bytes in %d files; %d documents to learn from, %d held out",
          corpus.bytes(), corpus.files(), corpus.train().size(), corpus.heldOut().size());
      Trainer trainer = new Trainer(model, corpus, training, workers);
      LossCurve curve = train(trainer, training.steps());
      curve.write(corpus.unigramEntropy(), folder.resolve("loss.svg"));
      trained(trainer, curve, corpus, report);
      report.caches(prompt);
      report.fork(prompt);
      Files.writeString(folder.resolve("sample.txt"), report.samples());
      report.print("%s and %s", folder.resolve("loss.svg"), folder.resolve("sample.txt"));
    }
    return 0;
  }

  /** What a clock can tell from nothing, and a number of nanoseconds can hold. */
  private static boolean inRange(double minutes) {
    return minutes >= 0.01 && minutes <= 10_000;
  }

  private void check(String option, String expected, @Nullable Object got, boolean fits) {
    if (!fits) {
      throw new ParameterException(
          spec.commandLine(), "%s: expected %s, got %s".formatted(option, expected, got));
    }
  }

  private Corpus corpus() {
    try {
      return text == null ? Corpus.ofProject() : Corpus.read(text);
    } catch (IOException | UncheckedIOException | IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), "--text: " + e, e);
    }
  }

  private LossCurve train(Trainer trainer, int steps) {
    LossCurve curve = new LossCurve();
    curve.heldOut(trainer.heldOutLoss());
    int each = Math.max(1, steps / EVALUATIONS);
    try (Progress progress = new Progress("gpt", steps)) {
      while (!trainer.finished()) {
        double loss = trainer.step();
        curve.step(loss);
        if (trainer.steps() % each == 0 || trainer.finished()) {
          curve.heldOut(trainer.heldOutLoss());
        }
        progress.step(
            1,
            String.format(
                Locale.ROOT,
                "loss %.3f, held out %.3f, %,.0f tokens/s",
                loss,
                curve.lastHeldOut(),
                trainer.tokensPerSecond()));
      }
    }
    return curve;
  }

  private static void trained(Trainer trainer, LossCurve curve, Corpus corpus, Report report) {
    report.print(
        "%,d tokens in %d steps, %,.0f tokens/s; attention took %s of the time",
        trainer.tokens(),
        trainer.steps(),
        trainer.tokensPerSecond(),
        Report.percent(trainer.attentionShare()));
    report.print(
        "training loss %.4f at first, %.4f at last (mean of 20 steps, with dropout)",
        curve.firstTrain(), curve.lastTrain());
    report.print(
        "held-out loss %.4f nats = %.3f bits per byte (counting bytes: %.4f nats)%n",
        curve.lastHeldOut(), curve.lastHeldOut() / Math.log(2), corpus.unigramEntropy());
  }
}
