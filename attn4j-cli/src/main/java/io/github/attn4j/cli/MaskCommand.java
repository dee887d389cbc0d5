package io.github.attn4j.cli;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.cli.capture.Capture;
import io.github.attn4j.cli.capture.CaptureOperator;
import io.github.attn4j.cli.capture.CaptureRunner;
import io.github.attn4j.cli.page.MaskPage;
import io.github.attn4j.cli.page.MaskQuery;
import io.github.attn4j.cli.page.MaskServer;
import io.github.attn4j.cli.pattern.Patterns;
import io.github.attn4j.cli.picture.MaskView;
import io.github.attn4j.cli.picture.PngPicture;
import io.github.attn4j.cli.picture.SvgPicture;
import io.github.attn4j.cli.picture.TextPicture;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileShape;
import java.io.IOException;
import java.net.BindException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
      "Prints it in block characters; --png, --svg and --out write pictures. --serve and --html make",
      "a page that tells of every element why it is masked.",
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
      "  attn4j mask call.safetensors --batch 2 --png mask.png",
      "  attn4j mask --serve",
      "  attn4j mask share-question --seq 256 --html mask.html"
    })
final class MaskCommand implements Callable<Integer> {
  private static final int LINE = 100;
  private static final int LAST_PORT = 65535;

  private final Terminal terminal;

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..1",
      paramLabel = "PATTERN|CALL.safetensors",
      description = "A pattern's name, or a capture whose mask to draw.")
  private @Nullable String what;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Draws the mask of a description, as the page gives it.")
  private @Nullable Path json;

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

  @Mixin private MaskParameters parameters;

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

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = {
        "Writes a page that tells of every element why it is masked;",
        "one file, up to 1024 queries and keys."
      })
  private @Nullable Path html;

  @Option(
      names = "--serve",
      description = "Serves that page on this machine, to try other masks, until Ctrl-C.")
  private boolean serve;

  @Option(
      names = "--port",
      paramLabel = "N",
      defaultValue = "0",
      description = "Where --serve listens; any free port unless given.")
  private int port;

  MaskCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    String name = what;
    if (name == null && json == null && !serve) {
      throw wrong("expected a mask, a capture, --json or --serve, got none");
    }
    refuse("--port", serve);
    for (String drawn : List.of("--tile", "--png", "--svg", "--out", "--html")) {
      refuse(drawn, !serve);
    }
    if (port < 0 || port > LAST_PORT) {
      throw wrong("--port: expected 0 to %d, got %d".formatted(LAST_PORT, port));
    }
    if (json != null) {
      if (name != null) {
        throw wrong("expected a mask or --json, got both");
      }
      refuseParameters(List.of());
      refuse("--seq", false);
      return show(MaskQuery.read(Files.readString(json)));
    }
    if (name == null) {
      refuseParameters(List.of());
      refuse("--seq", false);
      return serve(server -> {});
    }
    if (Patterns.names().contains(name)) {
      refuseParameters(Patterns.parameters(name));
      return drawPattern(name);
    }
    if (Files.exists(Path.of(name))) {
      refuseParameters(List.of());
      refuse("--seq", false);
      return drawCapture(Path.of(name));
    }
    throw wrong(
        "expected a file or one of the masks %s, got %s"
            .formatted(String.join(", ", Patterns.names()), name));
  }

  /** An option that would be passed over is a mistake of its writer. */
  private void refuse(String option, boolean applies) {
    if (!applies && spec.commandLine().getParseResult().hasMatchedOption(option)) {
      String mask = what == null ? "" : what + " ";
      String rest = (json == null ? "" : "--json ") + (serve ? "--serve" : "");
      throw wrong(
          "%s: expected an option that applies to %s".formatted(option, (mask + rest).strip()));
    }
  }

  private void refuseParameters(List<String> applying) {
    parameters.given().keySet().forEach(name -> refuse("--" + name, applying.contains(name)));
    boolean capture = applying.isEmpty() && what != null && !Patterns.names().contains(what);
    refuse("--seq-k", what != null && Patterns.oblong(what));
    refuse("--batch", capture);
    refuse("--head", capture);
  }

  private int drawPattern(String name) throws IOException {
    try {
      Map<String, Object> description = new LinkedHashMap<>(parameters.given());
      description.put("mask", name);
      description.put("seqlenQ", (long) seq);
      description.put("seqlenK", (long) (seqK == null ? seq : seqK));
      return show(MaskQuery.of(description));
    } catch (RefusedException e) {
      throw wrong(e.getMessage());
    }
  }

  private int show(MaskQuery query) throws IOException {
    if (serve) {
      return serve(server -> server.show(query));
    }
    Sequences sequences = Sequences.padded(1, query.seqlenQ(), query.seqlenK());
    TilePlan plan =
        TilePlan.of(query.make(), sequences, 1, shape(query.seqlenQ(), query.seqlenK()));
    draw(query.title(), MaskView.of(query.title(), plan.grid(0, 0), ""));
    writePage(() -> MaskPage.saved(query));
    return 0;
  }

  /** Serves until the process is ended, or this thread interrupted. */
  private int serve(Consumer<MaskServer> first) throws IOException {
    try (MaskServer server = MaskServer.start(port)) {
      first.accept(server);
      // Ctrl-C ends the process without unwinding; what captures left on disk must go all the same.
      Thread end = Thread.ofPlatform().unstarted(server::close);
      Runtime.getRuntime().addShutdownHook(end);
      terminal.out().println("masks you can see: " + server.url() + "  (Ctrl-C ends it)");
      terminal.out().flush();
      new CountDownLatch(1).await();
    } catch (BindException e) {
      throw wrong("--port: expected one that is free, got %d (%s)".formatted(port, e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return 0;
  }

  private int drawCapture(Path file) throws IOException {
    if (serve) {
      return serve(server -> server.show(CaptureRunner.name(file), file, batch, head));
    }
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
      writePage(() -> MaskPage.saved(name, file, batch, head));
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

  private void writePage(Supplier<String> page) throws IOException {
    Path file = html;
    if (file != null) {
      Files.writeString(file, page.get());
      terminal.out().println("wrote " + file);
      terminal.out().flush();
    }
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
