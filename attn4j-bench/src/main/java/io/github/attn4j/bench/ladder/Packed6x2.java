package io.github.attn4j.bench.ladder;

import static io.github.attn4j.bench.ladder.Tile.FLOATS;
import static io.github.attn4j.bench.ladder.Tile.K;
import static io.github.attn4j.bench.ladder.Tile.LANES;
import static io.github.attn4j.bench.ladder.Tile.M;
import static io.github.attn4j.bench.ladder.Tile.MR;
import static io.github.attn4j.bench.ladder.Tile.N;
import static io.github.attn4j.bench.ladder.Tile.NR;

import jdk.incubator.vector.FloatVector;

/** Both operands packed, six keys by two vectors, written down as one would. */
final class Packed6x2 extends TileRung {
  private final float[] panels = tile.panels(NR, NR);

  Packed6x2() {
    super(
        "packed, 6 x 2 vectors",
        "A broadcast feeds two multiply-adds, and twelve chains cover the latency. Where 16"
            + " registers are full, C2 moves later rows' broadcasts up and spills accumulators.");
  }

  @Override
  public void run() {
    for (int n = 0; n < N; n += NR) {
      for (int m = 0; m < M; m += MR) {
        panel(tile.packedA, m * K, panels, n * K, tile.c, m * N + n);
      }
    }
  }

  private static void panel(float[] a, int ao, float[] b, int bo, float[] c, int co) {
    FloatVector c0a = FloatVector.zero(FLOATS);
    FloatVector c0b = c0a;
    FloatVector c1a = c0a;
    FloatVector c1b = c0a;
    FloatVector c2a = c0a;
    FloatVector c2b = c0a;
    FloatVector c3a = c0a;
    FloatVector c3b = c0a;
    FloatVector c4a = c0a;
    FloatVector c4b = c0a;
    FloatVector c5a = c0a;
    FloatVector c5b = c0a;
    for (int k = 0; k < K; k++) {
      int row = bo + k * NR;
      int column = ao + k * MR;
      FloatVector ba = FloatVector.fromArray(FLOATS, b, row);
      FloatVector bb = FloatVector.fromArray(FLOATS, b, row + LANES);
      FloatVector a0 = FloatVector.broadcast(FLOATS, a[column]);
      c0a = a0.fma(ba, c0a);
      c0b = a0.fma(bb, c0b);
      FloatVector a1 = FloatVector.broadcast(FLOATS, a[column + 1]);
      c1a = a1.fma(ba, c1a);
      c1b = a1.fma(bb, c1b);
      FloatVector a2 = FloatVector.broadcast(FLOATS, a[column + 2]);
      c2a = a2.fma(ba, c2a);
      c2b = a2.fma(bb, c2b);
      FloatVector a3 = FloatVector.broadcast(FLOATS, a[column + 3]);
      c3a = a3.fma(ba, c3a);
      c3b = a3.fma(bb, c3b);
      FloatVector a4 = FloatVector.broadcast(FLOATS, a[column + 4]);
      c4a = a4.fma(ba, c4a);
      c4b = a4.fma(bb, c4b);
      FloatVector a5 = FloatVector.broadcast(FLOATS, a[column + 5]);
      c5a = a5.fma(ba, c5a);
      c5b = a5.fma(bb, c5b);
    }
    c0a.intoArray(c, co);
    c0b.intoArray(c, co + LANES);
    c1a.intoArray(c, co + N);
    c1b.intoArray(c, co + N + LANES);
    c2a.intoArray(c, co + 2 * N);
    c2b.intoArray(c, co + 2 * N + LANES);
    c3a.intoArray(c, co + 3 * N);
    c3b.intoArray(c, co + 3 * N + LANES);
    c4a.intoArray(c, co + 4 * N);
    c4b.intoArray(c, co + 4 * N + LANES);
    c5a.intoArray(c, co + 5 * N);
    c5b.intoArray(c, co + 5 * N + LANES);
  }
}
