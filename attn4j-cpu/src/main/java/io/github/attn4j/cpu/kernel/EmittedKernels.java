package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PANEL;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.Sequences;
import io.github.attn4j.cpu.emit.Isa;
import io.github.attn4j.cpu.emit.KernelTable;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import io.github.attn4j.spi.TileGrid;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * Kernels in machine code emitted at run time, on native memory. A call does a panel or a whole
 * tile, some microseconds of work, beside which the ten nanoseconds of the call are nothing.
 */
class EmittedKernels implements TileKernels {
  /** Handles must be constants to be fast, so this process has the kernels of one set. */
  private static final class Code {
    private static final KernelTable TABLE = new KernelTable(KernelChoice.ACTIVE.isa(), TILE_N);
    private static final MethodHandle SCORES = TABLE.function("scores");
    private static final MethodHandle ACCUMULATE = TABLE.function("accumulate");
    private static final MethodHandle ACCUMULATE_BY_KEYS = TABLE.function("accumulateByKeys");
    private static final MethodHandle SOFTMAX = TABLE.function("softmax");
    private static final MethodHandle ADD_BIAS = TABLE.function("addBias");
    private static final MethodHandle CAP = TABLE.function("cap");
    private static final MethodHandle HIDE = TABLE.function("hide");
    private static final MethodHandle DROP = TABLE.function("drop");
    private static final MethodHandle DIVIDE = TABLE.function("divide");
    private static final MethodHandle SCORE_GRADIENTS = TABLE.function("scoreGradients");
    private static final MethodHandle PEAK = TABLE.function("peak");
    private static final MethodHandle READ = TABLE.function("read");
    private static final MethodHandle MULTIPLY_SLOPE = TABLE.function("multiplySlope");
  }

  /** Bytes of a cache line. */
  private static final int LINE = 64;

  private final Isa isa;

  EmittedKernels(Isa isa) {
    this.isa = isa;
  }

  static KernelTable table() {
    return Code.TABLE;
  }

  @Override
  public TileSizes sizes() {
    int nr = isa.panelLanes();
    // A panel of scores, 12 KiB, and one of queries, 16 KiB at 128 columns, fit a first-level
    // cache.
    int tileN = isa == Isa.AVX512 ? 96 : 192;
    return new TileSizes(isa.bits(), nr, isa.tileRows(), nr, tileN);
  }

  @Override
  public Floats allocate(int size) {
    return Floats.offHeap(size);
  }

  @Override
  public long multiplyAdds(int steps) {
    Calls.run(Code.PEAK, steps);
    return (long) steps * KernelTable.PEAK_CHAINS * isa.bits() / Float.SIZE;
  }

  @Override
  public void read(MemorySegment memory) {
    try {
      Calls.run(Code.READ, memory.address(), memory.byteSize() / LINE);
    } finally {
      Reference.reachabilityFence(memory);
    }
  }

  static long at(Floats floats, int index) {
    return floats.address() + (long) index * Float.BYTES;
  }

  static long bits(float value) {
    return Float.floatToRawIntBits(value);
  }

  @Override
  public @Nullable Strays packKeys(
      KeyRows source,
      KeyBlock block,
      int columns,
      @Nullable Floats byKeys,
      @Nullable Floats byColumns,
      Workspace w) {
    return EmittedPacker.packKeys(source, block, columns, byKeys, byColumns, w);
  }

  @Override
  public @Nullable Strays packQueries(
      Rows source,
      Sequences sequences,
      QueryTile tile,
      int columns,
      float factor,
      Floats byQueries,
      @Nullable Floats byColumns,
      Workspace w) {
    return EmittedPacker.packQueries(
        source, sequences, tile, columns, factor, byQueries, byColumns, w);
  }

  @Override
  public void copyToRows(Floats panels, int paddedColumns, int count, int columns, float[] rows) {
    EmittedPacker.copyToRows(panels, paddedColumns, count, columns, rows);
  }

  @Override
  public void scores(
      int depth,
      Floats a,
      Floats b,
      int panel,
      float factor,
      Floats tile,
      int base,
      int first,
      int end,
      Floats ahead,
      int aheadAt) {
    int from = first / MR * MR;
    Calls.run(
        Code.SCORES,
        at(a, from * depth),
        at(b, panel * depth * NR),
        at(tile, base + from * NR),
        end - from,
        depth,
        at(ahead, aheadAt));
  }

  @Override
  public void addBias(Workspace w, int biasBase, int base, int first, int end) {
    int skip = first * NR;
    Calls.run(Code.ADD_BIAS, at(w.st, base + skip), at(w.bias, biasBase + skip), end - first);
  }

  @Override
  public void cap(Workspace w, double softcap, boolean keepSlope, int base, int first, int end) {
    int from = base + first * NR;
    Calls.run(
        Code.CAP,
        at(w.st, from),
        keepSlope ? at(w.slope, from) : 0,
        end - first,
        bits((float) (1 / softcap)),
        bits((float) softcap));
  }

  @Override
  public void hide(
      TileGrid grid,
      int lane,
      int key0,
      Workspace w,
      Floats tile,
      int base,
      int first,
      int end,
      float replacement) {
    LaneBits.hidden(grid, lane, key0, first, end, w);
    Calls.run(
        Code.HIDE,
        at(tile, base + first * NR),
        at(w.laneBits, first),
        end - first,
        bits(replacement));
  }

  @Override
  public void drop(Workspace w, float factor, int lane, Floats tile, int base, int first, int end) {
    LaneBits.kept(lane, first, end, w);
    Calls.run(
        Code.DROP, at(tile, base + first * NR), at(w.laneBits, first), end - first, bits(factor));
  }

  @Override
  public void softmax(Workspace w, int lane, int first, int end, int outColumns) {
    Calls.run(
        Code.SOFTMAX,
        at(w.st, first * NR),
        end - first,
        at(w.rowMax, lane),
        at(w.rowSum, lane),
        at(w.ot, lane * outColumns),
        outColumns);
  }

  @Override
  public void accumulate(
      Workspace w,
      Floats a,
      int keys,
      Floats tile,
      int base,
      int first,
      int end,
      Floats out,
      int outBase,
      int columns) {
    Calls.run(
        Code.ACCUMULATE,
        at(a, first * MR),
        at(tile, base + first * NR),
        at(out, outBase),
        columns,
        end - first,
        (long) keys * MR * Float.BYTES);
  }

  @Override
  public void divide(Workspace w, int lanes, int columns) {
    int panel = Lanes.roundUp(columns, MR) * NR;
    for (int lane = 0; lane < lanes; lane += NR) {
      Calls.run(Code.DIVIDE, at(w.ot, lane / NR * panel), at(w.rowSum, lane), columns);
    }
  }

  @Override
  public void scoreGradients(
      Workspace w, QueryPack query, int m, int lane, int base, int first, int end) {
    int from = base + first * NR;
    Calls.run(
        Code.SCORE_GRADIENTS,
        at(w.st, from),
        at(w.ds, from),
        end - first,
        at(query.base[m], lane),
        at(query.logSum[m], lane),
        at(query.delta[m], lane));
  }

  @Override
  public void multiplySlope(Workspace w, int base, int first, int end) {
    int from = base + first * NR;
    Calls.run(
        Code.MULTIPLY_SLOPE, at(w.ds, from), at(w.slope, from), at(w.bias, from), end - first);
  }

  /** The product reads the panels where they stand: only what is outside must be zeros. */
  @Override
  public void layByKeys(Workspace w, int lane, int first, int end, int from, int to) {
    int base = lane / NR * PANEL;
    clearOutside(w.st, base, first, end, from, to);
    clearOutside(w.ds, base, first, end, from, to);
  }

  private static void clearOutside(Floats tile, int base, int first, int end, int from, int to) {
    tile.fill(base + from * NR, base + first * NR, 0f);
    tile.fill(base + end * NR, base + to * NR, 0f);
  }

  @Override
  public void accumulateByKeys(
      Floats tile,
      Floats byKeys,
      Floats rows,
      int count,
      int columns,
      int laneLo,
      int laneHi,
      int from,
      int to,
      Floats out) {
    for (int p = 0; p * NR < columns; p++) {
      Calls.run(
          Code.ACCUMULATE_BY_KEYS,
          at(tile, laneLo / NR * PANEL + from * NR),
          at(rows, (p * count + laneLo) * NR),
          at(out, (p * TILE_N + from) * NR),
          to - from,
          laneHi - laneLo,
          at(rows, ((p + 1) * count + laneLo) * NR));
    }
  }
}
