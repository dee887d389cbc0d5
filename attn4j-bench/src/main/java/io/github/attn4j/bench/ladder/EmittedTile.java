package io.github.attn4j.bench.ladder;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.github.attn4j.cpu.emit.Isa;
import io.github.attn4j.cpu.emit.KernelTable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The same product as machine code, which C2 has no say in: one call per panel of queries. */
final class EmittedTile extends TileRung {
  private static final long ALIGNMENT = 64;

  private final int nr;
  private final int mr;
  private final MethodHandle scores;
  private final MemorySegment keys = memory(Tile.M * Tile.K);
  private final MemorySegment queries = memory(Tile.N * Tile.K);
  private final MemorySegment result = memory(Tile.M * Tile.N);

  /** Emits the product for an instruction set that the processor has. */
  EmittedTile(Isa isa) {
    super(
        "machine code, " + isa.label(),
        "%d x 2 vectors of %d bits, emitted: no range checks, nothing spilled, aligned memory, one call for %d keys."
            .formatted(isa.tileRows(), isa.bits(), Tile.M));
    nr = isa.panelLanes();
    mr = isa.tileRows();
    scores = new KernelTable(isa, Tile.M).function("scores");
    for (int k = 0; k < Tile.K; k++) {
      for (int m = 0; m < Tile.M; m++) {
        int at = m / mr * Tile.K * mr + k * mr + m % mr;
        keys.setAtIndex(JAVA_FLOAT, at, tile.a[m * Tile.K + k]);
      }
    }
    MemorySegment.copy(tile.panels(nr, nr), 0, queries, JAVA_FLOAT, 0, Tile.N * Tile.K);
  }

  private static MemorySegment memory(int floats) {
    return Arena.ofAuto().allocate((long) floats * Float.BYTES, ALIGNMENT);
  }

  @Override
  public void run() {
    long panel = (long) Tile.K * nr * Float.BYTES;
    long scorePanel = (long) Tile.M * nr * Float.BYTES;
    try {
      for (int n = 0; n < Tile.N / nr; n++) {
        long at = queries.address() + n * panel;
        long to = result.address() + n * scorePanel;
        scores.invokeExact(keys.address(), at, to, (long) Tile.M, (long) Tile.K, at + panel);
      }
    } catch (Throwable thrown) {
      throw new IllegalStateException(thrown);
    }
  }

  @Override
  public double error() {
    return tile.error((m, n) -> result.getAtIndex(JAVA_FLOAT, (n / nr * Tile.M + m) * nr + n % nr));
  }
}
