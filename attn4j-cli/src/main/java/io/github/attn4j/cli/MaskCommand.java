package io.github.attn4j.cli;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.cli.capture.Capture;
import io.github.attn4j.cli.capture.CaptureOperator;
import io.github.attn4j.cli.capture.CaptureRunner;
import io.github.attn4j.cli.picture.MaskView;
import io.github.attn4j.cli.picture.PngPicture;
import io.github.attn4j.cli.picture.SvgPicture;
import io.github.attn4j.cli.picture.TextPicture;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "mask",
    sortOptions = false,
    description = {
      "Draws a mask: its elements, its tiles, and the share of the work that is skipped.",
      "",
      "Prints it in block characters; --png, --svg and --out write pictures.",
      ""
    },
    footer = {
      "",
      "Patterns: full, causal, causal-padded, sliding-window, causal-document, document, "
          + "share-question,",
      "global-sliding-window, causal-blockwise, prefix-lm-document, prefix-lm-causal, "
          + "qk-sparse, hash-sparse,",
      "random-eviction, ernie-packed, document-malformed (the published slip). What is not given",
      "follows FlashMask's benchmark, scaled to --seq.",
      "",
      "Examples:",
      "  attn4j mask causal-document --seq 10 --documents 4,3,3 --tile 2x2",
      "  attn4j mask prefix-lm-document --seq 10 --documents 2:3,1:2,2:5",
      "  attn4j mask share-question --seq 10 --documents 4+3+3",
      "  attn4j mask global-sliding-window --seq 32768 --out pictures",
      "  attn4j mask call.safetensors --batch 2 --png mask.png"
    })
final class MaskCommand implements Callable<Integer> {
  private static final int LINE = 100;

  /** Options that make a pattern, and the patterns they make; --seq makes all of them. */
  private static final Map<String, Set<String>> MAKES =
      Map.of(
          "--seq-k", Set.of("full", "causal"),
          "--documents",
              Set.of(
                  "causal-document",
                  "document",
                  "share-question",
                  "causal-blockwise",
                  "prefix-lm-document",
                  "ernie-packed",
                  "document-malformed"),
          "--window", Set.of("sliding-window", "global-sliding-window"),
          "--prefix", Set.of("prefix-lm-causal"),
          "--global", Set.of("global-sliding-window"),
          "--spans", Set.of("qk-sparse"),
          "--length", Set.of("causal-padded"),
          "--start", Set.of("random-eviction"),
          "--seed", Set.of("random-eviction"));

  private final Terminal terminal;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "PATTERN|CALL.safetensors",
      description = "A pattern's name, or a capture whose mask to draw.")
  private String what;

  @Option(
      names = "--seq",
      paramLabel = "S",
      defaultValue = "64",
      description = "Query rows; 64 unless given.")
  private int seq;

  @Option(
      names = "--seq-k",
      paramLabel = "S",
      description = "Key rows, for full and causal; as --seq unless given.")
  private @Nullable Integer seqK;

  @Option(
      names = "--tile",
      paramLabel = "MxN",
      description = "Size of a tile; up to 128x128, so that about eight fit, unless given.")
  private @Nullable String tile;

  @Option(
      names = "--documents",
      paramLabel = "N",
      split = ",",
      description = {
        "Lengths of the documents; PREFIX:LENGTH for prefix-lm-document,",
        "QUESTION+ANSWER+... for share-question."
      })
  private @Nullable List<String> documents;

  @Option(
      names = "--window",
      paramLabel = "N",
      split = ",",
      arity = "1",
      description = "Keys of a sliding window, or those before and after the query: LEFT,RIGHT.")
  private @Nullable List<Integer> window;

  @Option(names = "--prefix", paramLabel = "N", description = "Keys that every query sees.")
  private @Nullable Integer prefix;

  @Option(names = "--global", paramLabel = "N", description = "Global tokens.")
  private @Nullable Integer global;

  @Option(
      names = "--spans",
      paramLabel = "FIRST:LENGTH",
      split = ",",
      description = "Rows that qk-sparse drops.")
  private @Nullable List<String> spans;

  @Option(names = "--length", paramLabel = "N", description = "Real rows of causal-padded.")
  private @Nullable Integer length;

  @Option(
      names = "--start",
      paramLabel = "ROW",
      description = "First row at which random-eviction drops a key.")
  private @Nullable Integer start;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Seed of random patterns.")
  private long seed;

  @Option(
      names = "--batch",
      paramLabel = "B",
      defaultValue = "0",
      description = "Which sequence of a capture to draw; 0 unless given.")
  private int batch;

  @Option(
      names = "--head",
      paramLabel = "H",
      defaultValue = "0",
      description = "Which query head of a capture to draw; 0 unless given.")
  private int head;

  @Option(names = "--png", paramLabel = "FILE", description = "Writes the picture as PNG.")
  private @Nullable Path png;

  @Option(names = "--svg", paramLabel = "FILE", description = "Writes the picture as SVG.")
  private @Nullable Path svg;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Writes the picture as DIR/NAME.png and DIR/NAME.svg.")
  private @Nullable Path out;

  MaskCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    if (Patterns.names().contains(what)) {
      MAKES.forEach((option, patterns) -> refuse(option, patterns.contains(what)));
      refuse("--batch", false);
      refuse("--head", false);
      draw(what, patternView());
    } else if (Files.exists(Path.of(what))) {
      MAKES.keySet().forEach(option -> refuse(option, false));
      refuse("--seq", false);
      return drawCapture(Path.of(what));
    } else {
      throw wrong(
          "expected a file or one of the masks %s, got %s"
              .formatted(String.join(", ", Patterns.names()), what));
    }
    return 0;
  }

  /** An option that would be passed over is a mistake of its writer. */
  private void refuse(String option, boolean applies) {
    if (!applies && spec.commandLine().getParseResult().hasMatchedOption(option)) {
      throw wrong("%s: expected an option that applies to %s".formatted(option, what));
    }
  }

  private MaskView patternView() {
    try {
      int keys = seqK == null ? seq : seqK;
      Patterns.Options options =
          new Patterns.Options(documents, window, prefix, global, spans, length, start, seed);
      Mask mask = Patterns.named(what, seq, keys, 1, options).mask();
      Sequences sequences = Sequences.padded(1, seq, keys);
      TilePlan plan = TilePlan.of(mask, sequences, 1, shape(seq, keys));
      return MaskView.of(what, plan.grid(0, 0), "");
    } catch (IllegalArgumentException e) {
      throw wrong(e.getMessage());
    }
  }

  private int drawCapture(Path file) throws IOException {
    try (Capture capture = Capture.open(file)) {
      CaptureOperator.Options options = new CaptureOperator.Options(null, 0);
      AttentionSpec call =
          CaptureOperator.named(capture.op()).prepare(capture, options).plan().get().spec();
      if (call.sequences().count() == 0) {
        throw wrong(file + ": expected a call of at least one sequence, got one of none");
      }
      if (batch < 0 || batch >= call.sequences().count()) {
        throw wrong(
            "--batch: expected 0 to %d, got %d".formatted(call.sequences().count() - 1, batch));
      }
      if (head < 0 || head >= call.heads()) {
        throw wrong("--head: expected 0 to %d, got %d".formatted(call.heads() - 1, head));
      }
      String name = CaptureRunner.name(file);
      TileShape shape = shape(call.sequences().lengthQ(batch), call.sequences().lengthK(batch));
      TilePlan plan = TilePlan.of(call.mask(), call.sequences(), call.heads(), shape);
      String which = "sequence %d, head %d".formatted(batch, head);
      draw(name, MaskView.of(name, plan.grid(batch, head), which));
      return 0;
    } catch (ParameterException e) {
      throw e;
    } catch (RuntimeException | OutOfMemoryError | InternalError | StackOverflowError e) {
      terminal.err().println(CaptureRunner.refusal(e));
      terminal.err().flush();
      return 1;
    }
  }

  private TileShape shape(int seqlenQ, int seqlenK) {
    if (tile == null) {
      int eighth = Math.max(seqlenQ, seqlenK) / 8;
      int side = Math.clamp(Integer.highestOneBit(Math.max(1, 2 * eighth - 1)), 2, 128);
      return new TileShape(side, side);
    }
    String[] sides = tile.split("x", -1);
    try {
      return new TileShape(
          Integer.parseInt(sides[0]), Integer.parseInt(sides[sides.length == 2 ? 1 : 0]));
    } catch (NumberFormatException | RefusedException e) {
      throw wrong("--tile: expected rows x columns such as 128x64, got " + tile);
    }
  }

  private void draw(String name, MaskView view) throws IOException {
    terminal.out().print(TextPicture.mask(view, LINE));
    Path folder = out;
    if (folder != null) {
      Files.createDirectories(folder);
      writePng(view, folder.resolve(name + ".png"));
      writeSvg(view, folder.resolve(name + ".svg"));
    }
    writePng(view, png);
    writeSvg(view, svg);
    terminal.out().flush();
  }

  private void writePng(MaskView view, @Nullable Path file) throws IOException {
    if (file != null) {
      PngPicture.writeMask(view, file);
      terminal.out().println("wrote " + file);
    }
  }

  private void writeSvg(MaskView view, @Nullable Path file) throws IOException {
    if (file != null) {
      Files.writeString(file, SvgPicture.mask(view));
      terminal.out().println("wrote " + file);
    }
  }

  private ParameterException wrong(@Nullable String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
