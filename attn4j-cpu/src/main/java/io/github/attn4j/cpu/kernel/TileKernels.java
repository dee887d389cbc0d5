package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;

import io.github.attn4j.DType;
import io.github.attn4j.Sequences;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;
import io.github.attn4j.spi.TileGrid;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The work on tiles, apart from the order it is done in: each method does a panel, NR queries by
 * the keys {@code [first, end)}, or a whole tile. {@code ForwardKernel} and {@code BackwardKernel}
 * put them together.
 *
 * <p>Every element of a product is one chain of fused multiply-adds over its ascending index,
 * whatever the kernels: that is why results do not depend on tiles.
 *
 * <p>A panel that starts at element {@code base} of a tile holds key j of its lane n at {@code base
 * + j * PS + n}. What lies beyond the last query of a tile is computed and never read.
 */
interface TileKernels {
  /** Holds the kernels from their first use on. */
  final class Active {
    private static final TileKernels KERNELS =
        KernelChoice.ACTIVE.isaOrNull() == null
            ? VectorKernels.INSTANCE
            : new EmittedKernels(KernelChoice.ACTIVE.isa());

    private Active() {}
  }

  /** The kernels of this process, for all but some products. */
  static TileKernels active() {
    return Active.KERNELS;
  }

  /** The kernels for a forward. */
  static TileKernels of(Problem problem) {
    return of(problem.dtype(), problem.kvDtype());
  }

  /** The kernels for products of queries and keys of these types. */
  static TileKernels of(DType queries, DType keys) {
    return Bfloat16Kernels.serve(queries, keys) ? Bfloat16Kernels.instance() : active();
  }

  /** The kernels for a backward, whose output gradients may be of another type. */
  static TileKernels of(Problem problem, BackwardCall call) {
    return call.dout().dtype() == problem.dtype() ? of(problem) : active();
  }

  /**
   * The sizes that tiles must have. {@link Lanes} is made of them, so nothing there may be needed
   * to tell them.
   */
  TileSizes sizes();

  /** Floats of the kind that these kernels work on. */
  Floats allocate(int size);

  /**
   * Does nothing but multiply-adds on registers, as fast as the machine can: the yardstick.
   *
   * @param steps of a few nanoseconds
   * @return how many float32 were multiplied and added
   */
  long multiplyAdds(int steps);

  /**
   * Whether the scale multiplies the scores, and the gradients of keys, rather than the queries
   * when they are packed.
   */
  default boolean scalesProducts() {
    return false;
  }

  /** What queries are multiplied by when they are packed. */
  default float queryFactor(Problem problem) {
    return scalesProducts() ? 1f : (float) problem.score().scale();
  }

  /** What products with packed queries are multiplied by. */
  default float productFactor(Problem problem) {
    return scalesProducts() ? (float) problem.score().scale() : 1f;
  }

  /**
   * Widens the first {@code columns} bfloat16, which lie where machine code could not reach them.
   */
  default void widenBfloat16(short[] halves, int columns, float[] to, int start) {
    for (int c = 0; c < columns; c++) {
      to[start + c] = DType.bfloat16ToFloat(halves[c]);
    }
  }

  /** Reads native memory from its start to its end, as fast as the machine can. */
  void read(MemorySegment memory);

  /**
   * Packs a block of keys (or values); rows and columns that fill up a panel are zeros.
   *
   * @param columns columns of a row
   * @param byKeys if asked for, panels over keys: {@code [panel][column][MR]}
   * @param byColumns if asked for, panels over columns: {@code [panel][key][MR]}, zero where not
   *     finite
   * @return what was left out of {@code byColumns}, or null for nothing
   */
  @Nullable Strays packKeys(
      KeyRows source,
      KeyBlock block,
      int columns,
      @Nullable Floats byKeys,
      @Nullable Floats byColumns,
      Workspace w);

  /**
   * Packs the rows of a tile of queries (or of output gradients), times a factor; rows and columns
   * that fill up a panel are zeros.
   *
   * @param columns columns of a row
   * @param factor 1 if these kernels scale products
   * @param byQueries panels of queries: {@code [panel][column][PS]}
   * @param byColumns if asked for, panels of columns: {@code [panel][query][NR]}, zero where not
   *     finite
   * @return what was left out of {@code byColumns}, or null for nothing
   */
  @Nullable Strays packQueries(
      Rows source,
      Sequences sequences,
      QueryTile tile,
      int columns,
      float factor,
      Floats byQueries,
      @Nullable Floats byColumns,
      Workspace w);

  /**
   * The sum over columns of a row times one of packed queries, by the chain of operations of {@link
   * #scores}; a zero in the row adds nothing, whatever it meets.
   *
   * @param byQueries as {@link #packQueries} leaves it
   */
  default float product(float[] row, int columns, Floats byQueries, int lane) {
    int first = lane / NR * columns * PS + lane % NR;
    float sum = 0;
    for (int c = 0; c < columns; c++) {
      if (row[c] != 0) {
        sum = Math.fma(row[c], byQueries.get(first + c * PS), sum);
      }
    }
    return sum;
  }

  /**
   * Copies panels of queries into rows.
   *
   * @param panels {@code [panel][paddedColumns][PS]}
   * @param rows {@code [count][columns]}
   */
  void copyToRows(Floats panels, int paddedColumns, int count, int columns, float[] rows);

  /**
   * {@code tile[j][n] = factor * sum over k of a[j][k] * b[k][n]}, for all keys of the register
   * tiles that {@code [first, end)} touches.
   *
   * @param depth how many k
   * @param a panels over keys, of depth columns
   * @param b panels of queries, of depth columns
   * @param panel which of them
   * @param factor 1 unless these kernels scale products
   * @param ahead what will be read soon, and may be brought nearer
   * @param aheadAt from which element on
   */
  void scores(
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
      int aheadAt);

  /** Adds w.bias to the scores of a panel in w.st; the panel of the bias starts at biasBase. */
  void addBias(Workspace w, int biasBase, int base, int first, int end);

  /**
   * Replaces the scores x of a panel in w.st by {@code softcap * tanh(x / softcap)}.
   *
   * @param keepSlope whether to write the derivative into w.slope
   */
  void cap(Workspace w, double softcap, boolean keepSlope, int base, int first, int end);

  /**
   * Replaces the masked elements of a panel, as {@link MaskPass#classify} has left the keys of this
   * panel in w.keyKinds and {@link MaskPass#loadBits} the bits in w.visible.
   *
   * @param lane the first lane of the panel
   * @param key0 the first key of the tile
   */
  void hide(
      TileGrid grid,
      int lane,
      int key0,
      Workspace w,
      Floats tile,
      int base,
      int first,
      int end,
      float replacement);

  /**
   * Multiplies what dropout keeps of a panel, as told by the bits in w.kept, by a factor and zeroes
   * the rest.
   *
   * @param lane the first lane of the panel
   */
  void drop(Workspace w, float factor, int lane, Floats tile, int base, int first, int end);

  /**
   * Takes the scores of a panel at the start of w.st into the running softmax of its lanes: turns
   * them into {@code exp(score - rowMax)}, moves w.rowMax and w.rowSum on, and rescales the output
   * so far in w.ot where a maximum moved.
   *
   * @param lane the first lane of the panel
   * @param outColumns columns of a panel of w.ot
   */
  void softmax(Workspace w, int lane, int first, int end, int outColumns);

  /**
   * {@code out[c][n] += sum over keys j of a[j][c] * panel[j][n]} for j in {@code [first, end)}.
   * Keys of the panel beside those may be overwritten.
   *
   * @param a panels over columns
   * @param keys how many keys a panel of {@code a} holds
   * @param out holds column c at {@code outBase + c * PS}
   * @param columns a multiple of MR
   */
  void accumulate(
      Workspace w,
      Floats a,
      int keys,
      Floats tile,
      int base,
      int first,
      int end,
      Floats out,
      int outBase,
      int columns);

  /** Divides the output in w.ot by w.rowSum, and turns -0 into +0. */
  void divide(Workspace w, int lanes, int columns);

  /**
   * Turns the scores of a panel in w.st into probabilities and the gradients of probabilities in
   * w.ds into those of scores: {@code P = exp(S - base - logSum)}, {@code dS = P * (dP - delta)}.
   *
   * @param m the tile of {@code query}
   * @param lane the first lane of the panel
   */
  void scoreGradients(Workspace w, QueryPack query, int m, int lane, int base, int first, int end);

  /** Multiplies w.ds by w.slope on a panel, and leaves what it was in w.bias. */
  void multiplySlope(Workspace w, int base, int first, int end);

  /**
   * Readies a panel of w.st and w.ds for {@link #accumulateByKeys}: keys {@code [from, to)}, of
   * which those outside {@code [first, end)} count as zeros.
   *
   * @param lane the first lane of the panel
   */
  void layByKeys(Workspace w, int lane, int first, int end, int from, int to);

  /**
   * {@code out[j][c] += sum over lanes i of tile[j][i] * rows[i][c]} for keys j in {@code [from,
   * to)} and lanes in {@code [laneLo, laneHi)}, all readied by {@link #layByKeys}.
   *
   * @param tile w.st or w.ds
   * @param byKeys w.keyMajorP or w.keyMajorDs: the same, if layByKeys has laid it out there
   * @param rows panels of columns of {@code count} rows
   * @param out panels of columns: {@code [panel][TILE_N][NR]}
   */
  void accumulateByKeys(
      Floats tile,
      Floats byKeys,
      Floats rows,
      int count,
      int columns,
      int laneLo,
      int laneHi,
      int from,
      int to,
      Floats out);
}
