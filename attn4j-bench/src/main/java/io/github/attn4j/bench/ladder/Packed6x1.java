package io.github.attn4j.bench.ladder;

import static io.github.attn4j.bench.ladder.Tile.FLOATS;
import static io.github.attn4j.bench.ladder.Tile.K;
import static io.github.attn4j.bench.ladder.Tile.LANES;
import static io.github.attn4j.bench.ladder.Tile.M;
import static io.github.attn4j.bench.ladder.Tile.MR;
import static io.github.attn4j.bench.ladder.Tile.N;

import jdk.incubator.vector.FloatVector;

/** Both operands packed, six keys by one vector. */
final class Packed6x1 extends TileRung {
  private final float[] panels = tile.panels(LANES, LANES);

  Packed6x1() {
    super(
        "packed, 6 x 1 vectors",
        "Six accumulators in named locals, keys interleaved by six: six chains in flight, and one"
            + " load of queries for six multiply-adds. Each still needs its own broadcast.");
  }

  @Override
  public void run() {
    for (int n = 0; n < N; n += LANES) {
      for (int m = 0; m < M; m += MR) {
        panel(tile.packedA, m * K, panels, n * K, tile.c, m * N + n);
      }
    }
  }

  private static void panel(float[] a, int ao, float[] b, int bo, float[] c, int co) {
    FloatVector c0 = FloatVector.zero(FLOATS);
    FloatVector c1 = c0;
    FloatVector c2 = c0;
    FloatVector c3 = c0;
    FloatVector c4 = c0;
    FloatVector c5 = c0;
    for (int k = 0; k < K; k++) {
      int column = ao + k * MR;
      FloatVector queries = FloatVector.fromArray(FLOATS, b, bo + k * LANES);
      c0 = FloatVector.broadcast(FLOATS, a[column]).fma(queries, c0);
      c1 = FloatVector.broadcast(FLOATS, a[column + 1]).fma(queries, c1);
      c2 = FloatVector.broadcast(FLOATS, a[column + 2]).fma(queries, c2);
      c3 = FloatVector.broadcast(FLOATS, a[column + 3]).fma(queries, c3);
      c4 = FloatVector.broadcast(FLOATS, a[column + 4]).fma(queries, c4);
      c5 = FloatVector.broadcast(FLOATS, a[column + 5]).fma(queries, c5);
    }
    c0.intoArray(c, co);
    c1.intoArray(c, co + N);
    c2.intoArray(c, co + 2 * N);
    c3.intoArray(c, co + 3 * N);
    c4.intoArray(c, co + 4 * N);
    c5.intoArray(c, co + 5 * N);
  }
}
