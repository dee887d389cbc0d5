package io.github.attn4j.bench.ladder;

import io.github.attn4j.cpu.asm.CpuFeatures;
import io.github.attn4j.cpu.emit.Isa;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** All rungs from the bottom. */
public final class Ladder {
  private Ladder() {}

  /** The attempts in their order; further ones go where they belong in it. */
  public static List<Rung> rungs() {
    List<Rung> rungs = new ArrayList<>();
    rungs.add(new TripleLoop());
    rungs.add(new LanesOverQueries());
    rungs.add(new Packed1x1());
    rungs.add(new Packed6x1());
    rungs.add(new Packed6x2());
    rungs.add(new Fenced6x2());
    rungs.add(new TiledAttention());
    Set<CpuFeatures> features = features();
    for (Isa isa : Isa.values()) {
      if (features.containsAll(isa.needs())) {
        rungs.add(new EmittedTile(isa));
      }
    }
    rungs.add(new Product());
    return rungs;
  }

  private static Set<CpuFeatures> features() {
    try {
      return CpuFeatures.available();
    } catch (IllegalStateException noMachineCode) {
      return Set.of();
    }
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
