package io.github.attn4j.examples.minilm;

import io.github.attn4j.examples.math.Workers;
import io.github.attn4j.examples.terminal.Progress;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command {@code bin/example minilm}. */
@Command(
    name = "minilm",
    mixinStandardHelpOptions = true,
    description = {
      "The sentence encoder all-MiniLM-L6-v2 on attn4j, texts packed into one row.",
      "Without TEXT: compared with ONNX Runtime in result and speed. With TEXT: finds the"
          + " sentences nearest to it in meaning."
    })
public final class MiniLmCommand implements Callable<Integer> {
  /** Texts of one row or padded batch; more would only take memory. */
  private static final int TOGETHER = 64;

  private static final int NEAREST = 5;

  @Spec private CommandSpec command;

  @Parameters(
      arity = "0..1",
      paramLabel = "TEXT",
      description = "Print the sentences nearest to this one.")
  private @Nullable String text;

  @Option(
      names = "--file",
      paramLabel = "FILE",
      description = "Texts to encode, one a line, in UTF-8; by default 64 that come with it.")
  private @Nullable Path file;

  @Option(
      names = "--texts",
      paramLabel = "N",
      defaultValue = "64",
      description = "Compare with the first N texts, at most 64; default ${DEFAULT-VALUE}.")
  private int texts;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description = "Threads of each; default one per processor.")
  private int threads;

  @Option(
      names = "--turns",
      paramLabel = "N",
      defaultValue = "5",
      description = "Turns of each in the comparison; default ${DEFAULT-VALUE}.")
  private int turns;

  /** Made by the command line. */
  public MiniLmCommand() {}

  @Override
  public Integer call() throws IOException {
    between("--texts", texts, 1, TOGETHER);
    between("--threads", threads, 0, 1024);
    between("--turns", turns, 1, 1000);
    List<String> lines = lines();
    if (lines.isEmpty()) {
      throw new ParameterException(command.commandLine(), "--file: expected texts, got none");
    }
    WordPiece tokenizer = MiniLm.tokenizer();
    try (Workers workers = new Workers(threads)) {
      byte[] model = MiniLm.file();
      PackedEncoder encoder = new PackedEncoder(MiniLm.read(model, workers), workers);
      if (text != null) {
        printNearest(lines, tokenizer, encoder, text);
        return 0;
      }
      Batch batch = batch(lines.subList(0, Math.min(texts, lines.size())), tokenizer);
      PrintWriter out = command.commandLine().getOut();
      return new Comparison(model, encoder, workers.threads(), turns, out).run(batch) ? 0 : 1;
    }
  }

  private void between(String option, int value, int least, int most) {
    if (value < least || value > most) {
      throw new ParameterException(
          command.commandLine(),
          "%s: expected %d to %d, got %d".formatted(option, least, most, value));
    }
  }

  private List<String> lines() throws IOException {
    List<String> lines = file == null ? texts() : read(file);
    return lines.stream().filter(line -> !line.isBlank()).toList();
  }

  private List<String> read(Path path) {
    try {
      return Files.readAllLines(path);
    } catch (IOException e) {
      throw new ParameterException(command.commandLine(), "--file: " + e, e);
    }
  }

  /** The texts that come with the example. */
  static List<String> texts() throws IOException {
    try (InputStream stream = MiniLmCommand.class.getResourceAsStream("texts.txt")) {
      if (stream == null) {
        throw new FileNotFoundException("texts.txt: expected it on the class path");
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
  }

  static Batch batch(List<String> texts, WordPiece tokenizer) {
    return Batch.of(texts.stream().map(line -> tokenizer.encode(line, MiniLm.POSITIONS)).toList());
  }

  private void printNearest(
      List<String> lines, WordPiece tokenizer, Encoder encoder, String wanted) {
    float[] query = embeddings(List.of(wanted), tokenizer, encoder)[0];
    double[] cosines = new double[lines.size()];
    try (Progress progress = new Progress("encoding", lines.size())) {
      for (int from = 0; from < lines.size(); from += TOGETHER) {
        List<String> row = lines.subList(from, Math.min(from + TOGETHER, lines.size()));
        float[][] embeddings = embeddings(row, tokenizer, encoder);
        for (int n = 0; n < embeddings.length; n++) {
          cosines[from + n] = Embeddings.cosine(query, embeddings[n], 0);
        }
        progress.step(row.size(), "texts");
      }
    }
    PrintWriter out = command.commandLine().getOut();
    IntStream.range(0, cosines.length)
        .boxed()
        .sorted(Comparator.comparingDouble(n -> -cosines[n]))
        .limit(NEAREST)
        .forEach(n -> out.printf("%.3f  %s%n", cosines[n], lines.get(n)));
    out.flush();
  }

  private static float[][] embeddings(List<String> texts, WordPiece tokenizer, Encoder encoder) {
    Batch batch = batch(texts, tokenizer);
    return Embeddings.of(batch, encoder.encode(batch));
  }
}
