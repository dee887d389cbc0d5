package io.github.attn4j.cli.capture;

import io.github.attn4j.AttentionPlan;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Replays captures, each into a file of results or a file with the reason why not. */
public final class CaptureRunner {
  private static final String SUFFIX = ".safetensors";

  /** A file can name a tensor by a megabyte. */
  private static final int LONGEST_LINE = 4000;

  private final Path out;
  private final CaptureOperator.Options options;

  /**
   * Prepares to run.
   *
   * @param out folder of the results; must exist
   * @param options backend and threads
   */
  public CaptureRunner(Path out, CaptureOperator.Options options) {
    this.out = out;
    this.options = options;
  }

  /**
   * What became of a call.
   *
   * @param ok whether it ran and every comparison held
   * @param line one line for people
   */
  public record Outcome(boolean ok, String line) {}

  /**
   * The name of a call.
   *
   * @param file its file
   * @return the file's name without its suffix
   */
  public static String name(Path file) {
    String name = String.valueOf(file.getFileName());
    return name.endsWith(SUFFIX) ? name.substring(0, name.length() - SUFFIX.length()) : name;
  }

  /**
   * Where the results of a call go.
   *
   * @param name the call's name
   * @return a file in the folder of results
   */
  public Path resultFile(String name) {
    return out.resolve(name + SUFFIX);
  }

  /**
   * Replays one capture.
   *
   * @param file the capture
   * @return what became of it
   */
  public Outcome run(Path file) {
    String name = name(file);
    Path error = out.resolve(name + ".error.txt");
    String refusal;
    try {
      // What an earlier run left must not stand beside what this one says.
      Files.deleteIfExists(resultFile(name));
      Files.deleteIfExists(error);
      return replay(name, file);
    } catch (IOException e) {
      refusal = printable("RuntimeError: out: expected a folder to write results into, got " + e);
    } catch (RuntimeException | OutOfMemoryError | InternalError | StackOverflowError e) {
      refusal = refusal(e);
    }
    String told = "";
    try {
      Files.writeString(error, refusal + "\n");
    } catch (IOException e) {
      told = printable(" (" + error.getFileName() + " not written: " + e + ")");
    }
    return new Outcome(false, printable(name) + "  refused  " + refusal + told);
  }

  /**
   * What to say of a call that cannot be read, planned or run.
   *
   * @param failure a refusal, or a fault of ours
   * @return one line without control characters: kind, argument, what was expected and what came
   */
  public static String refusal(Throwable failure) {
    return printable(
        switch (failure) {
          case RefusedException refused -> refused.kind() + ": " + refused.getMessage();
          case OutOfMemoryError memory ->
              "RuntimeError: memory: expected the call to fit, got " + memory.getMessage();
          // Also a file that shrank under its mapping; other calls still have a right to run.
          default -> "RuntimeError: call: expected no fault in attn4j, got " + failure;
        });
  }

  private Outcome replay(String name, Path file) throws IOException {
    try (Capture capture = Capture.open(file)) {
      CaptureOperator operator = CaptureOperator.named(capture.op());
      long begin = System.nanoTime();
      CaptureOperator.Forward forward = operator.prepare(capture, options).forward().get();
      Results results = forward.results();
      Tensor dout = capture.dout();
      if (dout != null) {
        results.with(forward.backward().apply(dout));
      }
      double seconds = (System.nanoTime() - begin) * 1e-9;
      List<Comparison.Finding> findings =
          new Comparison(results, forward.cores(), capture).findings();
      AttentionPlan plan = forward.cores().getFirst().plan();
      double skipped = 1 - plan.tiles().density();
      SafetensorsWriter.write(
          resultFile(name),
          Map.of(
              "op", capture.op(),
              "backend", plan.backend(),
              "seconds", String.format(Locale.ROOT, "%.6f", seconds),
              "skipped_tile_share", String.format(Locale.ROOT, "%.6f", skipped)),
          results.tensors());
      String compared =
          findings.stream().map(Comparison.Finding::text).collect(Collectors.joining("; "));
      String line =
          String.format(
              Locale.ROOT,
              "%s  %s  %s  %.1f ms  skipped %.1f %%  %s",
              printable(name),
              capture.op(),
              plan.backend(),
              seconds * 1e3,
              skipped * 100,
              compared.isEmpty() ? "nothing to compare with" : compared);
      return new Outcome(findings.stream().allMatch(Comparison.Finding::holds), line);
    }
  }

  /**
   * One line that can be encoded and does nothing to a terminal: names in a file may hold anything,
   * escape codes and halves of characters too.
   */
  private static String printable(String text) {
    return text.codePoints()
        .limit(LONGEST_LINE)
        .map(c ->
            switch (Character.getType(c)) {
              case Character.CONTROL,
                  Character.FORMAT,
                  Character.SURROGATE,
                  Character.UNASSIGNED,
                  Character.LINE_SEPARATOR,
                  Character.PARAGRAPH_SEPARATOR ->
                  ' ';
              default -> c;
            })
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }
}
