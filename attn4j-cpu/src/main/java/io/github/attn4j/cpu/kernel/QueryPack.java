package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.MicroKernel.MR;

import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * Everything the backward reads of one query head, packed once per query tile, and the gradient of
 * its queries, which the tasks of the key tiles add to in turn.
 */
final class QueryPack {
  private static final int PANELS = TILE_M / NR;

  private final Problem problem;

  /** Q in panels of queries, times the scale: for scores. */
  final float[][] qt;

  /** dO in panels of queries: for dP. */
  final float[][] dot;

  /** Q times scale, in panels of columns: for dK. */
  final float[][] queries;

  /** dO in panels of columns: for dV. */
  final float[][] douts;

  /** dQ in panels of queries, without the scale. */
  final float[][] dqt;

  /**
   * What is taken off the scores before {@link #logSum}: rowMax where the forward has kept it, else
   * the lse; +infinity for rows that see nothing, which makes their probabilities zero.
   */
  final float[][] base;

  /** Logarithm of rowSum where the base is rowMax, else zero. */
  final float[][] logSum;

  /** Per row, the sum over columns of dO times O. */
  final float[][] delta;

  final Packer.@Nullable Strays[] queryStrays;
  final Packer.@Nullable Strays[] doutStrays;

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
    qt = new float[maxTiles][PANELS * dim * PS];
    dot = new float[maxTiles][PANELS * valueDim * PS];
    queries = new float[maxTiles][TILE_M * Lanes.roundUp(dim, NR)];
    douts = new float[maxTiles][TILE_M * Lanes.roundUp(valueDim, NR)];
    dqt = new float[maxTiles][PANELS * Lanes.roundUp(dim, MR) * PS];
    base = new float[maxTiles][TILE_M];
    logSum = new float[maxTiles][TILE_M];
    delta = new float[maxTiles][TILE_M];
    queryStrays = new Packer.Strays[maxTiles];
    doutStrays = new Packer.Strays[maxTiles];
    sinkParts = new double[maxTiles];
    turns = new AtomicIntegerArray(maxTiles);
  }

  /** Bytes of a pack of so many tiles. */
  static long bytes(Problem problem, int tiles) {
    long perTile = (2L * problem.headDim() + problem.valueDim()) * PANELS * PS + 2L * TILE_M;
    perTile += TILE_M * (long) (problem.headDim() + problem.valueDim());
    return tiles * perTile * Float.BYTES;
  }

  /** Packs one query tile of one head and clears its gradient. */
  void pack(BackwardCall call, int b, int h, int m, int firstTurn) {
    Workspace w = Workspace.of(problem);
    ForwardCall forward = call.forward();
    int dim = problem.headDim();
    int valueDim = problem.valueDim();
    int row0 = m * TILE_M;
    int rows = Math.min(TILE_M, problem.sequences().lengthQ(b) - row0);
    int entry = problem.sequences().entry(b);
    long row = problem.sequences().startQ(b) + row0;
    double scale = problem.score().scale();

    Rows query = forward.query();
    Packer.readBlock(query, query.at(entry, h, row), rows, 0, dim, w.rows, w.halves);
    Packer.transposedPanels(w.rows, rows, dim, (float) scale, qt[m]);
    queryStrays[m] = Packer.removeStrays(w.rows, rows, dim, (float) scale);
    Packer.widePanels(w.rows, rows, dim, (float) scale, queries[m]);

    Rows dout = call.dout();
    Packer.readBlock(dout, dout.at(entry, h, row), rows, 0, valueDim, w.rows, w.halves);
    Packer.transposedPanels(w.rows, rows, valueDim, 1f, dot[m]);
    loadRowSums(forward, h, m, rows, entry, row, w);
    doutStrays[m] = Packer.removeStrays(w.rows, rows, valueDim, 1f);
    Packer.widePanels(w.rows, rows, valueDim, 1f, douts[m]);

    Arrays.fill(dqt[m], 0f);
    turns.set(m, firstTurn);
  }

  /**
   * Reads what makes probabilities of scores and computes delta of every row; dO stands in {@code
   * w.rows}.
   */
  private void loadRowSums(
      ForwardCall forward, int h, int m, int rows, int entry, long row, Workspace w) {
    int columns = problem.valueDim();
    float @Nullable [] sink = forward.sink();
    Arrays.fill(base[m], Float.POSITIVE_INFINITY);
    Arrays.fill(logSum[m], 0f);
    Arrays.fill(delta[m], 0f);
    sinkParts[m] = 0;
    float[] out = w.ot;
    for (int i = 0; i < rows; i++) {
      float rowLse = RowTransfer.get(forward.lse(), forward.lse().at(entry, h, row + i));
      if (rowLse == Float.NEGATIVE_INFINITY) {
        continue;
      }
      RowTransfer.read(
          forward.out(), forward.out().at(entry, h, row + i), columns, out, 0, w.halves);
      // The same chain of operations as dP's, so that the two cancel where a row sees one key. An
      // output of zero adds nothing, whatever dO holds: a row that sees only its sink has no part.
      float sum = 0;
      for (int c = 0; c < columns; c++) {
        if (out[c] != 0) {
          sum = Math.fma(out[c], w.rows[i * columns + c], sum);
        }
      }
      base[m][i] = rowLse;
      if (forward.rowMax() != null && forward.rowSum() != null) {
        base[m][i] = RowTransfer.get(forward.rowMax(), forward.rowMax().at(entry, h, row + i));
        float rowSum = RowTransfer.get(forward.rowSum(), forward.rowSum().at(entry, h, row + i));
        logSum[m][i] = (float) Math.log(rowSum);
      }
      delta[m][i] = sum;
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
    Packer.fromPanels(dqt[m], Lanes.roundUp(columns, MR), rows, columns, w.rows);
    for (int e = 0; e < rows * columns; e++) {
      // Adding zero turns -0, which skipping a tile may or may not leave behind, into +0.
      w.rows[e] = w.rows[e] * scale + 0f;
    }
    long at = call.dquery().at(entry, h, row);
    Packer.writeBlock(call.dquery(), at, rows, 0, columns, w.rows, w.halves);
  }
}
