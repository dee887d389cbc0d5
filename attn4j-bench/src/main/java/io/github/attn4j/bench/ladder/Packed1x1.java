package io.github.attn4j.bench.ladder;

import static io.github.attn4j.bench.ladder.Tile.FLOATS;
import static io.github.attn4j.bench.ladder.Tile.K;
import static io.github.attn4j.bench.ladder.Tile.LANES;
import static io.github.attn4j.bench.ladder.Tile.M;
import static io.github.attn4j.bench.ladder.Tile.N;

import jdk.incubator.vector.FloatVector;

/** Packed queries, one accumulator. */
final class Packed1x1 extends TileRung {
  private final float[] panels = tile.panels(LANES, LANES);

  Packed1x1() {
    super(
        "packed, 1 x 1 vector",
        "Queries packed by panels of a vector: loads are contiguous. One accumulator waits for the"
            + " latency of each multiply-add.");
  }

  @Override
  public void run() {
    for (int n = 0; n < N; n += LANES) {
      for (int m = 0; m < M; m++) {
        FloatVector sum = FloatVector.zero(FLOATS);
        for (int k = 0; k < K; k++) {
          FloatVector queries = FloatVector.fromArray(FLOATS, panels, n * K + k * LANES);
          sum = FloatVector.broadcast(FLOATS, tile.a[m * K + k]).fma(queries, sum);
        }
        sum.intoArray(tile.c, m * N + n);
      }
    }
  }
}
