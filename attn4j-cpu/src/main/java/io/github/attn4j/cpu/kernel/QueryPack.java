package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;

import io.github.attn4j.Sequences;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * Everything the backward reads of one query head, packed once per query tile, and the gradient of
 * its queries, which the tasks of the key tiles add to in turn.
 */
final class QueryPack {
  private static final TileKernels KERNELS = TileKernels.active();
  private static final int PANELS = TILE_M / NR;

  private final Problem problem;

  /** Q in panels of queries, times the factor of queries: for scores. */
  final Floats[] qt;

  /** dO in panels of queries: for dP. */
  final Floats[] dot;

  /** The same in panels of columns: for dK. */
  final Floats[] queries;

  /** dO in panels of columns: for dV. */
  final Floats[] douts;

  /** dQ in panels of queries, without the scale. */
  final Floats[] dqt;

  /**
   * What is taken off the scores before {@link #logSum}: rowMax where the forward has kept it, else
   * the lse; +infinity for rows that see nothing, which makes their probabilities zero.
   */
  final Floats[] base;

  /** Logarithm of rowSum where the base is rowMax, else zero. */
  final Floats[] logSum;

  /** Per row, the sum over columns of dO times O. */
  final Floats[] delta;

  final @Nullable Strays[] queryStrays;
  final @Nullable Strays[] doutStrays;

  /** Per query tile, part of the gradient of the head's sink. */
  final double[] sinkParts;

  /**
   * Per query tile, the key tile whose task may add to dQ next: key tiles add in ascending order,
   * whatever thread runs them.
   */
  final AtomicIntegerArray turns;

  QueryPack(Problem problem, int maxTiles) {
    this.problem = problem;
    int dim = problem.headDim();
    int valueDim = problem.valueDim();
    qt = tiles(maxTiles, PANELS * dim * PS);
    dot = tiles(maxTiles, PANELS * valueDim * PS);
    queries = tiles(maxTiles, TILE_M * Lanes.roundUp(dim, NR));
    douts = tiles(maxTiles, TILE_M * Lanes.roundUp(valueDim, NR));
    dqt = tiles(maxTiles, PANELS * Lanes.roundUp(dim, MR) * PS);
    base = tiles(maxTiles, TILE_M);
    logSum = tiles(maxTiles, TILE_M);
    delta = tiles(maxTiles, TILE_M);
    queryStrays = new Strays[maxTiles];
    doutStrays = new Strays[maxTiles];
    sinkParts = new double[maxTiles];
    turns = new AtomicIntegerArray(maxTiles);
  }

  private static Floats[] tiles(int count, int size) {
    Floats[] tiles = new Floats[count];
    Arrays.setAll(tiles, m -> Floats.allocate(size));
    return tiles;
  }

  /** Bytes of a pack of so many tiles. */
  static long bytes(Problem problem, int tiles) {
    long perTile = (2L * problem.headDim() + problem.valueDim()) * PANELS * PS + 2L * TILE_M;
    perTile += TILE_M * (long) (problem.headDim() + problem.valueDim());
    return tiles * perTile * Float.BYTES;
  }

  /** Packs one query tile of one head and clears its gradient. */
  void pack(TileKernels kernels, BackwardCall call, int b, int h, int m, int firstTurn) {
    Workspace w = Workspace.of(problem);
    ForwardCall forward = call.forward();
    int dim = problem.headDim();
    int valueDim = problem.valueDim();
    int row0 = m * TILE_M;
    int rows = Math.min(TILE_M, problem.sequences().lengthQ(b) - row0);
    int entry = problem.sequences().entry(b);
    long row = problem.sequences().startQ(b) + row0;
    QueryTile tile = new QueryTile(b, h, 1, row0, rows);
    float factor = kernels.queryFactor(problem);

    Sequences sequences = problem.sequences();
    queryStrays[m] =
        kernels.packQueries(forward.query(), sequences, tile, dim, factor, qt[m], queries[m], w);
    doutStrays[m] =
        kernels.packQueries(call.dout(), sequences, tile, valueDim, 1f, dot[m], douts[m], w);
    loadRowSums(kernels, forward, h, m, rows, entry, row, w);
    dqt[m].fill(0f);
    turns.set(m, firstTurn);
  }

  /** Reads what makes probabilities of scores and computes delta of every row, of the packed dO. */
  private void loadRowSums(
      TileKernels kernels,
      ForwardCall forward,
      int h,
      int m,
      int rows,
      int entry,
      long row,
      Workspace w) {
    int columns = problem.valueDim();
    float @Nullable [] sink = forward.sink();
    base[m].fill(Float.POSITIVE_INFINITY);
    logSum[m].fill(0f);
    delta[m].fill(0f);
    sinkParts[m] = 0;
    float[] out = w.rows;
    for (int i = 0; i < rows; i++) {
      float rowLse = RowTransfer.get(forward.lse(), forward.lse().at(entry, h, row + i));
      if (rowLse == Float.NEGATIVE_INFINITY) {
        continue;
      }
      RowTransfer.read(
          forward.out(), forward.out().at(entry, h, row + i), columns, out, 0, w.halves);
      // The same chain of operations as dP's, so that the two cancel where a row sees one key. An
      // output of zero adds nothing, whatever dO holds: a row that sees only its sink has no part.
      float sum = kernels.product(out, columns, dot[m], i);
      base[m].set(i, rowLse);
      if (forward.rowMax() != null && forward.rowSum() != null) {
        base[m].set(i, RowTransfer.get(forward.rowMax(), forward.rowMax().at(entry, h, row + i)));
        float rowSum = RowTransfer.get(forward.rowSum(), forward.rowSum().at(entry, h, row + i));
        logSum[m].set(i, (float) Math.log(rowSum));
      }
      delta[m].set(i, sum);
      if (sink != null && sink[h] != Float.NEGATIVE_INFINITY) {
        sinkParts[m] -= Math.exp(sink[h] - (double) rowLse) * sum;
      }
    }
  }

  /** Writes the finished gradient of one query tile. */
  void writeGradient(BackwardCall call, int b, int h, int m) {
    Workspace w = Workspace.of(problem);
    int columns = problem.headDim();
    int row0 = m * TILE_M;
    int rows = Math.min(TILE_M, problem.sequences().lengthQ(b) - row0);
    int entry = problem.sequences().entry(b);
    long row = problem.sequences().startQ(b) + row0;
    float scale = (float) problem.score().scale();
    KERNELS.copyToRows(dqt[m], Lanes.roundUp(columns, MR), rows, columns, w.rows);
    for (int e = 0; e < rows * columns; e++) {
      // Adding zero turns -0, which skipping a tile may or may not leave behind, into +0.
      w.rows[e] = w.rows[e] * scale + 0f;
    }
    long at = call.dquery().at(entry, h, row);
    Packer.writeBlock(call.dquery(), at, rows, 0, columns, w.rows, w.halves);
  }
}
