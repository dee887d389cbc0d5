package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;

import io.github.attn4j.spi.Partials;

/** The finished rows of one query tile, over some of its keys or over all, in float32. */
final class PartialRows {
  /** Output rows, as far apart as they have columns. */
  final float[] out;

  final float[] lse = new float[TILE_M];

  /** The stats of a result: these count the sink. */
  final float[] rowMax = new float[TILE_M];

  final float[] rowSum = new float[TILE_M];

  PartialRows(int columns) {
    out = new float[TILE_M * columns];
  }

  /** Takes over the rows of another. */
  void set(PartialRows other, int rows, int columns) {
    System.arraycopy(other.out, 0, out, 0, rows * columns);
    System.arraycopy(other.lse, 0, lse, 0, rows);
    System.arraycopy(other.rowMax, 0, rowMax, 0, rows);
    System.arraycopy(other.rowSum, 0, rowSum, 0, rows);
  }

  /** Joins the rows over the keys that follow. */
  void merge(PartialRows next, int rows, int columns) {
    for (int i = 0; i < rows; i++) {
      double joint = Partials.lse(lse[i], next.lse[i]);
      double weight = Partials.weight(lse[i], joint);
      double nextWeight = Partials.weight(next.lse[i], joint);
      for (int at = i * columns; at < (i + 1) * columns; at++) {
        out[at] = (float) Partials.out(weight, out[at], nextWeight, next.out[at]);
      }
      lse[i] = (float) joint;
      double sum = Partials.rowSum(rowMax[i], rowSum[i], next.rowMax[i], next.rowSum[i]);
      rowSum[i] = (float) sum;
      rowMax[i] = Math.max(rowMax[i], next.rowMax[i]);
    }
  }
}
