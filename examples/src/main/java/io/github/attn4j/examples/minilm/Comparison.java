package io.github.attn4j.examples.minilm;

import io.github.attn4j.examples.terminal.Progress;
import io.github.attn4j.spi.TileKind;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileShape;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** The packed encoder beside ONNX Runtime: what packing saves, whether they agree, how fast. */
final class Comparison {
  /** Calls before the first turn, in which the JVM compiles. */
  private static final int WARM_UP = 5;

  /** Before a turn: threads of ONNX Runtime look for work a while before they sleep. */
  private static final long PAUSE_NANOS = 100_000_000;

  private final byte[] model;
  private final PackedEncoder ours;
  private final int threads;
  private final int turns;
  private final PrintWriter out;

  /** One who takes turns, and the seconds of each. */
  private record Contender(String name, Encoder encoder, List<Double> seconds) {
    Contender(String name, Encoder encoder) {
      this(name, encoder, new ArrayList<>());
    }

    double median() {
      List<Double> sorted = new ArrayList<>(seconds);
      Collections.sort(sorted);
      return (sorted.get((sorted.size() - 1) / 2) + sorted.get(sorted.size() / 2)) / 2;
    }
  }

  /**
   * @param model the bytes of the ONNX file
   * @param ours made from it
   * @param threads of each
   * @param turns of each
   */
  Comparison(byte[] model, PackedEncoder ours, int threads, int turns, PrintWriter out) {
    this.model = model;
    this.ours = ours;
    this.threads = threads;
    this.turns = turns;
    this.out = out;
  }

  /** Prints it; false if the two do not agree. */
  boolean run(Batch batch) {
    out.printf(
        "all-MiniLM-L6-v2, float32, %d layers of %d heads; threads: %d%n",
        MiniLm.LAYERS, MiniLm.HEADS, threads);
    out.printf(
        "%,d texts of %,d to %,d tokens%n%n",
        batch.texts(), Arrays.stream(batch.lengths()).min().orElse(0), batch.longest());
    printSavings(batch);
    try (OnnxRuntimeEncoder padded = new OnnxRuntimeEncoder(model, threads, batch.texts());
        OnnxRuntimeEncoder single = new OnnxRuntimeEncoder(model, threads, 1)) {
      Agreement agreement = Agreement.of(batch, ours.encode(batch), padded.encode(batch));
      printAgreement(agreement, padded.version());
      single.encode(batch.slice(0, 1));
      List<Contender> contenders =
          List.of(
              new Contender("attn4j, packed", ours),
              new Contender("ONNX Runtime, padded", padded),
              new Contender("ONNX Runtime, one by one", single));
      takeTurns(contenders, batch);
      printSpeed(contenders, batch);
      return agreement.holds();
    }
  }

  private void printSavings(Batch batch) {
    TilePlan tiles = ours.plan(batch).tiles();
    TileShape tile = tiles.shape();
    long width = batch.longest();
    long across = Math.ceilDiv(width, tile.tileM()) * Math.ceilDiv(width, tile.tileN());
    long visited = tiles.count(TileKind.FULL) + tiles.count(TileKind.PARTIAL);
    out.printf("%-28s %12s %12s %8s%n", "", "padded", "packed", "saved");
    saving("tokens", batch.texts() * width, batch.tokens());
    saving(
        "scores of a head", batch.texts() * width * width, tiles.visibleElements() / MiniLm.HEADS);
    saving("tiles of a head, " + tile, batch.texts() * across, visited / MiniLm.HEADS);
    out.println();
    out.flush();
  }

  private void saving(String what, long padded, long packed) {
    double saved = 100 * (1 - (double) packed / padded);
    out.printf("%-28s %,12d %,12d %6.1f %%%n", what, padded, packed, saved);
  }

  private void printAgreement(Agreement agreement, String version) {
    out.printf("%-28s %12s %14s%n", "against ONNX Runtime " + version, "max error", "min cosine");
    out.printf("%-28s %12.1e %14.9f%n", "hidden states", agreement.error(), agreement.cosine());
    out.printf(
        "%-28s %12.1e %14.9f%n",
        "sentence embeddings", agreement.embeddingError(), agreement.embeddingCosine());
    out.printf(
        "%s: at most %.0e and at least %.5f are allowed%n%n",
        agreement.holds() ? "they agree" : "THEY DIFFER",
        Agreement.LARGEST_ERROR,
        Agreement.SMALLEST_COSINE);
    out.flush();
  }

  private void takeTurns(List<Contender> contenders, Batch batch) {
    for (int n = 0; n < WARM_UP; n++) {
      ours.encode(batch);
    }
    try (Progress progress = new Progress("turns", turns * contenders.size())) {
      for (int turn = 0; turn < turns; turn++) {
        for (Contender contender : contenders) {
          LockSupport.parkNanos(PAUSE_NANOS);
          long start = System.nanoTime();
          contender.encoder.encode(batch);
          contender.seconds.add(1e-9 * (System.nanoTime() - start));
          progress.step(1, contender.name);
        }
      }
    }
  }

  private void printSpeed(List<Contender> contenders, Batch batch) {
    out.printf(
        "%-28s %12s %12s %8s%n", "median of " + turns + " turns", "texts/s", "tokens/s", "ms");
    for (Contender contender : contenders) {
      double seconds = contender.median();
      out.printf(
          "%-28s %,12.0f %,12.0f %,8.0f%n",
          contender.name, batch.texts() / seconds, batch.tokens() / seconds, 1e3 * seconds);
    }
    out.flush();
  }
}
