package io.github.attn4j.bench.ladder;

import static io.github.attn4j.bench.ladder.FencedPanel.PS;
import static io.github.attn4j.bench.ladder.Tile.K;
import static io.github.attn4j.bench.ladder.Tile.M;
import static io.github.attn4j.bench.ladder.Tile.MR;
import static io.github.attn4j.bench.ladder.Tile.N;
import static io.github.attn4j.bench.ladder.Tile.NR;

/** {@link Packed6x2} with fences and one loop variable. */
final class Fenced6x2 extends TileRung {
  private final float[] panels = tile.panels(NR, PS);
  private final float[] zeros = new float[MR * PS];

  /** Panels of queries, as whoever takes a softmax of them wants them. */
  private final float[] scores = new float[N / NR * M * PS];

  Fenced6x2() {
    super(
        "fenced, 6 x 2 vectors",
        "A loadLoadFence before each row's broadcast, which is no instruction on x86, and one loop"
            + " variable for both operands: nothing is spilled.");
  }

  @Override
  public void run() {
    for (int n = 0; n < N / NR; n++) {
      int queries = n * K * PS;
      for (int m = 0; m < M; m += MR) {
        int at = (n * M + m) * PS;
        FencedPanel.compute(K, tile.packedA, m * K, panels, queries, zeros, 0, scores, at);
      }
    }
  }

  @Override
  public double error() {
    return tile.error((m, n) -> scores[(n / NR * M + m) * PS + n % NR]);
  }
}
