package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PANEL;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.DType;
import io.github.attn4j.Sequences;
import io.github.attn4j.cpu.emit.Isa;
import io.github.attn4j.cpu.emit.KernelTable;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import java.lang.invoke.MethodHandle;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Products of bfloat16 by {@code vdpbf16ps}, which adds two of them to a float32 at once; all else
 * as in float32.
 *
 * <p>Packed tiles hold pairs of bfloat16 in 32 bits, neighbours along the sum of a product, the
 * first in the low half: columns for scores, keys or queries for the others. Probabilities and
 * gradients of scores are rounded to bfloat16 just before they are multiplied; sums, and the
 * softmax, are float32.
 */
final class Bfloat16Kernels extends EmittedKernels {
  /**
   * Where the code comes from, or null if the processor cannot execute it. Tests replace it, before
   * the kernels are first used, by a simulated processor.
   */
  private static volatile @Nullable Supplier<KernelTable> source =
      KernelChoice.ACTIVE.bfloat16() ? () -> KernelTable.bfloat16(TILE_N) : null;

  /** Holds the kernels from their first use on. */
  private static final class Code {
    private static final KernelTable TABLE = Objects.requireNonNull(source).get();
    private static final MethodHandle SCORES = TABLE.function("scores");
    private static final MethodHandle ACCUMULATE = TABLE.function("accumulate");
    private static final MethodHandle ACCUMULATE_BY_KEYS = TABLE.function("accumulateByKeys");
    private static final MethodHandle KEY_PAIRS = TABLE.function("keyPairs");
    private static final MethodHandle LANE_PAIRS = TABLE.function("lanePairs");
    private static final MethodHandle PEAK = TABLE.function("peak");
    private static final TileKernels KERNELS = new Bfloat16Kernels();
  }

  private Bfloat16Kernels() {
    super(Isa.AVX512);
  }

  /** Whether products of these types can be made. */
  static boolean serve(DType queries, DType keys) {
    return source != null && queries == DType.BFLOAT16 && keys == DType.BFLOAT16;
  }

  /** The kernels, if {@link #serve} says that there are any. */
  static TileKernels instance() {
    return Code.KERNELS;
  }

  static KernelTable table() {
    return Code.TABLE;
  }

  /** For tests: code from elsewhere, or none. */
  static void replaceSource(@Nullable Supplier<KernelTable> other) {
    source = other;
  }

  @Override
  public long multiplyAdds(int steps) {
    Calls.run(Code.PEAK, steps);
    return (long) steps * KernelTable.PEAK_CHAINS * Isa.AVX512.bits() / Short.SIZE;
  }

  /** A scaled query would have to be rounded once more. */
  @Override
  public boolean scalesProducts() {
    return true;
  }

  /** Pairs that so many elements make; an odd one has a zero beside it. */
  static int pairs(int count) {
    return Math.ceilDiv(count, 2);
  }

  @Override
  public @Nullable Strays packKeys(
      KeyRows source,
      KeyBlock block,
      int columns,
      @Nullable Floats byKeys,
      @Nullable Floats byColumns,
      Workspace w) {
    return Bfloat16Packer.packKeys(source, block, columns, byKeys, byColumns, w);
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
    return Bfloat16Packer.packQueries(source, sequences, tile, columns, byQueries, byColumns, w);
  }

  /** The second element of each pair first, as the instruction adds them. */
  @Override
  public float product(float[] row, int columns, Floats byQueries, int lane) {
    int first = lane / NR * pairs(columns) * NR + lane % NR;
    float sum = 0;
    for (int c = 0; c < columns; c += 2) {
      int pair = Float.floatToRawIntBits(byQueries.get(first + c / 2 * NR));
      if (c + 1 < columns && row[c + 1] != 0) {
        sum = Math.fma(row[c + 1], Float.intBitsToFloat(pair & 0xFFFF_0000), sum);
      }
      if (row[c] != 0) {
        sum = Math.fma(row[c], Float.intBitsToFloat(pair << 16), sum);
      }
    }
    return sum;
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
    int pairs = pairs(depth);
    Calls.run(
        Code.SCORES,
        at(a, from * pairs),
        at(b, panel * pairs * NR),
        at(tile, base + from * NR),
        end - from,
        pairs,
        at(ahead, aheadAt),
        bits(factor));
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
    // Half a pair more at either end: keys that nothing comes of.
    int from = first & -2;
    int to = 2 * pairs(end);
    if (from < first) {
      tile.fill(base + from * NR, base + first * NR, 0f);
    }
    if (end < to) {
      tile.fill(base + end * NR, base + to * NR, 0f);
    }
    Calls.run(Code.KEY_PAIRS, at(tile, base + from * NR), at(w.pairs, 0), pairs(to - from));
    Calls.run(
        Code.ACCUMULATE,
        at(a, from / 2 * MR),
        at(w.pairs, 0),
        at(out, outBase),
        columns,
        pairs(to - from),
        (long) pairs(keys) * MR * Float.BYTES);
  }

  @Override
  public void layByKeys(Workspace w, int lane, int first, int end, int from, int to) {
    super.layByKeys(w, lane, first, end, from, to);
    int start = lane / NR * PANEL + from * NR;
    Calls.run(Code.LANE_PAIRS, at(w.st, start), at(w.keyMajorP, start / 2), to - from);
    Calls.run(Code.LANE_PAIRS, at(w.ds, start), at(w.keyMajorDs, start / 2), to - from);
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
    if (laneHi % 2 != 0) {
      clearLane(byKeys, laneHi, from, to);
    }
    for (int p = 0; p * NR < columns; p++) {
      Calls.run(
          Code.ACCUMULATE_BY_KEYS,
          at(byKeys, (laneLo / NR * PANEL + from * NR) / 2),
          at(rows, (p * pairs(count) + laneLo / 2) * NR),
          at(out, (p * TILE_N + from) * NR),
          to - from,
          pairs(laneHi - laneLo),
          at(rows, ((p + 1) * pairs(count) + laneLo / 2) * NR));
    }
  }

  /** The lane behind the last one is half of a pair, and may hold anything. */
  private static void clearLane(Floats byKeys, int lane, int from, int to) {
    int pair = (lane / NR * PANEL + lane % NR) / 2;
    for (int j = from; j < to; j++) {
      int at = pair + j * NR / 2;
      byKeys.setBits(at, Float.floatToRawIntBits(byKeys.get(at)) & 0xFFFF);
    }
  }
}
