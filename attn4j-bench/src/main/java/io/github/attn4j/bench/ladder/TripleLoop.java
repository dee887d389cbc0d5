package io.github.attn4j.bench.ladder;

import static io.github.attn4j.bench.ladder.Tile.K;
import static io.github.attn4j.bench.ladder.Tile.M;
import static io.github.attn4j.bench.ladder.Tile.N;

/** Three scalar loops. */
final class TripleLoop extends TileRung {
  TripleLoop() {
    super("triple loop", "Scalar. C2 does not vectorise a sum whose order it must keep.");
  }

  @Override
  public void run() {
    for (int m = 0; m < M; m++) {
      for (int n = 0; n < N; n++) {
        float sum = 0;
        for (int k = 0; k < K; k++) {
          sum += tile.a[m * K + k] * tile.b[n * K + k];
        }
        tile.c[m * N + n] = sum;
      }
    }
  }
}
