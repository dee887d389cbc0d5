package io.github.attn4j.bench.ladder;

import static io.github.attn4j.bench.ladder.Tile.FLOATS;
import static io.github.attn4j.bench.ladder.Tile.K;
import static io.github.attn4j.bench.ladder.Tile.LANES;
import static io.github.attn4j.bench.ladder.Tile.M;
import static io.github.attn4j.bench.ladder.Tile.N;

import jdk.incubator.vector.FloatVector;

/** A lane per query, on operands as they come. */
final class LanesOverQueries extends TileRung {
  /** Where the next query's column is. */
  private final int[] rows = new int[LANES];

  LanesOverQueries() {
    super(
        "lanes over queries",
        "Vector API: one query per lane, so that a softmax needs no sum across lanes. Unpacked, the"
            + " queries of a vector lie K apart and have to be gathered.");
    for (int lane = 0; lane < LANES; lane++) {
      rows[lane] = lane * K;
    }
  }

  @Override
  public void run() {
    for (int m = 0; m < M; m++) {
      for (int n = 0; n < N; n += LANES) {
        FloatVector sum = FloatVector.zero(FLOATS);
        for (int k = 0; k < K; k++) {
          FloatVector queries = FloatVector.fromArray(FLOATS, tile.b, n * K + k, rows, 0);
          sum = FloatVector.broadcast(FLOATS, tile.a[m * K + k]).fma(queries, sum);
        }
        sum.intoArray(tile.c, m * N + n);
      }
    }
  }
}
