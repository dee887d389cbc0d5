package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PANEL;
import static io.github.attn4j.cpu.kernel.Lanes.PS;

import io.github.attn4j.BiasStage;
import io.github.attn4j.ScoreOptions;
import io.github.attn4j.spi.BiasSource;

/** Bias and softcap on a tile of scores. */
final class ScorePass {
  private static final TileKernels KERNELS = TileKernels.active();

  private final ScoreOptions options;
  private final boolean capped;
  private final float biasFactor;

  ScorePass(ScoreOptions options) {
    this.options = options;
    this.capped = options.softcap() > 0;
    double factor = options.biasStage() == BiasStage.BEFORE_SCALE ? options.scale() : 1;
    this.biasFactor = (float) factor;
  }

  boolean capped() {
    return capped;
  }

  /** Whether there is anything to do. */
  boolean needed(boolean hasBias) {
    return capped || hasBias;
  }

  /** Brings the bias of a tile into {@code w.bias}. */
  void loadBias(BiasSource bias, QueryTile tile, int key0, int keys, Workspace w) {
    for (int i = 0; i < tile.lanes(); i++) {
      int h = tile.head() + i / tile.rows();
      bias.read(tile.b(), h, w.laneRows[i], key0, keys, w.rows);
      for (int j = 0; j < keys; j++) {
        w.bias.set(i / NR * PANEL + j * PS + i % NR, w.rows[j] * biasFactor);
      }
    }
  }

  /**
   * Turns products into scores in place; with {@code keepSlope}, writes the softcap's derivative
   * into w.slope.
   */
  void apply(
      Workspace w, boolean hasBias, boolean keepSlope, int lane, int base, int first, int end) {
    boolean late = options.biasStage() == BiasStage.AFTER_SOFTCAP;
    if (hasBias && !late) {
      KERNELS.addBias(w, lane / NR * PANEL, base, first, end);
    }
    if (capped) {
      KERNELS.cap(w, options.softcap(), keepSlope, base, first, end);
    }
    if (hasBias && late) {
      KERNELS.addBias(w, lane / NR * PANEL, base, first, end);
    }
  }
}
