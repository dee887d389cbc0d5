package io.github.attn4j.bench.ladder;

import java.util.List;
import java.util.Locale;

/** All rungs from the bottom. */
public final class Ladder {
  private Ladder() {}

  /** The attempts in their order; further ones go where they belong in it. */
  public static List<Rung> rungs() {
    return List.of(
        new TripleLoop(),
        new LanesOverQueries(),
        new Packed1x1(),
        new Packed6x1(),
        new Packed6x2(),
        new Fenced6x2(),
        new TiledAttention(),
        new Product());
  }

  /**
   * A rung's line of the table.
   *
   * @param rate GFLOP/s
   * @param below GFLOP/s of the rung below; 0 for the first
   * @param peak GFLOP/s of multiply-adds on registers
   */
  public static String line(Rung rung, double rate, double below, double peak) {
    String gain = below == 0 ? "" : String.format(Locale.ROOT, "x %.2f", rate / below);
    return String.format(
        Locale.ROOT,
        "%-26s %8.2f %7.3f  %-8s %s",
        rung.name(),
        rate,
        rate / peak,
        gain,
        rung.change());
  }

  /** The titles over the lines. */
  public static String titles() {
    return String.format(
        "%-26s %8s %7s  %-8s %s", "rung", "GFLOP/s", "of peak", "gain", "what changes");
  }
}
