package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.COUNT;
import static io.github.attn4j.cpu.kernel.Lanes.FLOATS;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static io.github.attn4j.cpu.kernel.MicroKernel.MR;

import io.github.attn4j.spi.BiasSource;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;
import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TileRuns;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/**
 * Output and lse of one query tile of one head: for each key tile that the plan visits, and each
 * panel of NR queries,
 *
 * <pre>
 *   Sᵀ = K.Qᵀ                  (keys, NR) on the panel
 *   bias, softcap, mask        only where there are any
 *   Pᵀ = exp(Sᵀ - rowMax)      rowMax, rowSum and Oᵀ moved on
 *   Oᵀ += Vᵀ.Pᵀ                (valueDim, NR)
 * </pre>
 */
final class ForwardKernel {
  private final Problem problem;
  private final ForwardCall call;
  private final ScorePass scores;

  ForwardKernel(Problem problem, ForwardCall call) {
    this.problem = problem;
    this.call = call;
    this.scores = new ScorePass(problem.score());
  }

  /** One query tile and what its panels share. */
  private static final class Tile {
    final Workspace w;
    final TileGrid grid;
    final KeyPack keys;
    final int b;
    final int h;
    final int row0;
    final int rows;

    Tile(Workspace w, TileGrid grid, KeyPack keys, int b, int h, int m) {
      this.w = w;
      this.grid = grid;
      this.keys = keys;
      this.b = b;
      this.h = h;
      this.row0 = m * TILE_M;
      this.rows = Math.min(TILE_M, grid.extent().seqlenQ() - row0);
    }
  }

  /**
   * Computes and writes one query tile.
   *
   * @return the largest visible score of the tile, natural units; negative infinity if there is
   *     none
   */
  float run(KeyPack keys, TileGrid grid, int b, int h, int m) {
    Workspace w = Workspace.of(problem);
    Tile tile = new Tile(w, grid, keys, b, h, m);
    loadQueries(tile);
    int outColumns = Lanes.roundUp(problem.valueDim(), MR);
    Arrays.fill(w.rowMax, Float.NEGATIVE_INFINITY);
    Arrays.fill(w.rowSum, 0f);
    Arrays.fill(w.ot, 0, TILE_M / NR * outColumns * PS, 0f);
    TileRuns runs = grid.rows();
    for (int run = runs.firstRun(m); run < runs.firstRun(m + 1); run++) {
      for (int n = runs.from(run); n < runs.to(run); n++) {
        keyTile(tile, n, runs.partial(run), outColumns);
      }
    }
    return finish(tile);
  }

  private void loadQueries(Tile tile) {
    Workspace w = tile.w;
    int dim = problem.headDim();
    long row = problem.sequences().startQ(tile.b) + tile.row0;
    Rows query = call.query();
    long at = query.at(problem.sequences().entry(tile.b), tile.h, row);
    Packer.readBlock(query, at, tile.rows, dim, w.rows, w.halves);
    // The scale rides on Q, once per element.
    float factor = (float) problem.score().scale();
    Packer.transposedPanels(w.rows, tile.rows, dim, factor, w.qt);
  }

  private void keyTile(Tile tile, int n, boolean partial, int outColumns) {
    Workspace w = tile.w;
    int key0 = n * TILE_N;
    int keys = Math.min(TILE_N, tile.grid.extent().seqlenK() - key0);
    BiasSource bias = call.bias();
    if (partial) {
      MaskPass.loadBits(tile.grid, tile.row0, tile.rows, key0, keys, w.visible);
    }
    if (bias != null) {
      scores.loadBias(bias, tile.b, tile.h, tile.row0, tile.rows, key0, keys, w);
    }
    if (call.dropout() != null) {
      MaskPass.loadKept(
          call.dropout(), tile.b, tile.h, tile.grid, tile.row0, tile.rows, key0, keys, w.kept);
    }
    for (int lane = 0; lane < tile.rows; lane += NR) {
      long visible = MaskPass.range(0, keys);
      if (partial) {
        visible = MaskPass.classify(tile.grid, tile.row0, tile.rows, lane, key0, keys, w);
      }
      if (visible != 0) {
        panel(tile, n, partial, lane, visible, outColumns);
      }
    }
  }

  private void panel(Tile tile, int n, boolean partial, int lane, long visible, int outColumns) {
    Workspace w = tile.w;
    int first = MaskPass.first(visible);
    int end = MaskPass.end(visible);
    int dim = problem.headDim();
    int key0 = n * TILE_N;
    int keys = Math.min(TILE_N, tile.grid.extent().seqlenK() - key0);
    float[] keyRows = tile.keys.keyRows[n];
    int queries = lane / NR * dim * PS;
    // Sᵀ = K.Qᵀ
    for (int j = first / MR * MR; j < end; j += MR) {
      MicroKernel.panel(dim, keyRows, j * dim, w.qt, queries, Workspace.ZEROS, 0, w.st, j * PS);
    }
    boolean hasBias = call.bias() != null;
    if (scores.needed(hasBias)) {
      scores.apply(w, hasBias, false, lane, 0, first, end);
    }
    if (partial) {
      MaskPass.apply(
          tile.grid, tile.row0 + lane, lane, 0, key0, first, end, w, w.st, Float.NEGATIVE_INFINITY);
    }
    Softmax.online(w, lane, first, end, outColumns);
    if (call.dropout() != null) {
      MaskPass.drop(w.kept, (float) call.dropout().keptFactor(), lane, 0, first, end, w.st);
    }
    // Oᵀ += Vᵀ.Pᵀ
    float[] values = tile.keys.columns[n];
    for (int c = 0; c < outColumns; c += MR) {
      int out = (lane / NR * outColumns + c) * PS;
      MicroKernel.panel(
          end - first, values, c * keys + first * MR, w.st, first * PS, w.ot, out, w.ot, out);
    }
    Packer.Strays strays = tile.keys.strays[n];
    if (strays != null) {
      addStrays(tile, strays, partial, lane, key0, visible);
    }
  }

  /** Adds the values that are not finite, to the queries that see them. */
  private void addStrays(
      Tile tile, Packer.Strays strays, boolean partial, int lane, int key0, long visible) {
    Workspace w = tile.w;
    int out = lane / NR * Lanes.roundUp(problem.valueDim(), MR) * PS - lane;
    for (int s = 0; s < strays.count(); s++) {
      int j = strays.rows()[s];
      int c = strays.columns()[s];
      if (j < MaskPass.first(visible) || j >= MaskPass.end(visible)) {
        continue;
      }
      for (int i = lane; i < Math.min(lane + NR, tile.rows); i++) {
        if (!partial || MaskPass.sees(tile.grid, tile.row0 + i, i, key0, j, w.visible)) {
          w.ot[out + c * PS + i] += w.st[j * PS + i - lane] * strays.values()[s];
        }
      }
    }
  }

  private float finish(Tile tile) {
    Workspace w = tile.w;
    float @Nullable [] sinks = call.sink();
    float most = Float.NEGATIVE_INFINITY;
    int entry = problem.sequences().entry(tile.b);
    long row = problem.sequences().startQ(tile.b) + tile.row0;
    Rows lse = call.lse();
    for (int i = 0; i < tile.rows; i++) {
      double max = w.rowMax[i];
      float sum = w.rowSum[i];
      // The maximum passes over NaN; the sum tells of it, and of an infinity, which is a maximum.
      boolean nan = Float.isNaN(sum) && w.rowMax[i] != Float.POSITIVE_INFINITY;
      most = Math.max(most, nan ? Float.NaN : w.rowMax[i]);
      double value = sum == 0 ? Double.NEGATIVE_INFINITY : max + Math.log(sum);
      if (sinks != null) {
        double sink = sinks[tile.h];
        // The sink is one more exponential in the denominator.
        w.rowSum[i] = sum == 0 ? 1 : (float) (sum + Math.exp(sink - max));
        double larger = Math.max(value, sink);
        value =
            larger == Double.NEGATIVE_INFINITY
                ? larger
                : larger + Math.log(Math.exp(value - larger) + Math.exp(sink - larger));
      } else if (sum == 0) {
        w.rowSum[i] = 1;
      }
      RowTransfer.writeOne(lse, lse.at(entry, tile.h, row + i), (float) value);
      writeStats(tile, i, entry, row, sum);
    }
    divide(w, tile.rows, problem.valueDim());
    writeOut(tile, entry, row);
    return most;
  }

  /** Writes maximum and sum of one row; a sink that is larger than every score is the maximum. */
  private void writeStats(Tile tile, int i, int entry, long row, float sum) {
    Rows rowMax = call.rowMax();
    Rows rowSum = call.rowSum();
    if (rowMax == null || rowSum == null) {
      return;
    }
    float max = tile.w.rowMax[i];
    double total = sum;
    float[] sinks = call.sink();
    if (sinks != null) {
      float larger = Math.max(sum == 0 ? Float.NEGATIVE_INFINITY : max, sinks[tile.h]);
      boolean empty = larger == Float.NEGATIVE_INFINITY;
      total =
          empty
              ? 0
              : (sum == 0 ? 0 : sum * Math.exp(max - larger)) + Math.exp(sinks[tile.h] - larger);
      max = larger;
    }
    RowTransfer.writeOne(rowMax, rowMax.at(entry, tile.h, row + i), max);
    RowTransfer.writeOne(rowSum, rowSum.at(entry, tile.h, row + i), (float) total);
  }

  private static void divide(Workspace w, int rows, int columns) {
    int panel = Lanes.roundUp(columns, MR) * PS;
    for (int v = 0; v < rows; v += COUNT) {
      FloatVector sum = FloatVector.fromArray(FLOATS, w.rowSum, v);
      int start = v / NR * panel + v % NR;
      for (int at = start; at < start + columns * PS; at += PS) {
        // Adding zero turns -0, which skipping a tile may or may not leave behind, into +0.
        FloatVector.fromArray(FLOATS, w.ot, at).div(sum).add(0f).intoArray(w.ot, at);
      }
    }
  }

  private void writeOut(Tile tile, int entry, long row) {
    Workspace w = tile.w;
    int columns = problem.valueDim();
    Packer.fromPanels(w.ot, Lanes.roundUp(columns, MR), tile.rows, columns, w.rows);
    long at = call.out().at(entry, tile.h, row);
    Packer.writeBlock(call.out(), at, tile.rows, columns, w.rows, w.halves);
  }
}
