package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PANEL;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.BiasStage;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.BiasGradient;
import io.github.attn4j.spi.BiasSource;
import io.github.attn4j.spi.DropoutBits;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;
import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TileRuns;
import org.jspecify.annotations.Nullable;

/**
 * Gradients of one key tile of one key/value head: for each query head of the group and each query
 * tile that the plan visits, five products,
 *
 * <pre>
 *   Sᵀ  = K.Qᵀ     dPᵀ = V.dOᵀ
 *   Pᵀ  = exp(Sᵀ - lse)           dSᵀ = Pᵀ ∘ (dropped dPᵀ - delta)
 *   dV += Pᵀ.dO    dK += dSᵀ.Q    dQᵀ += Kᵀ.dSᵀ
 * </pre>
 *
 * dK and dV belong to the task alone. dQ is shared by the tasks of a head, which add to each query
 * tile in the order of their key tiles, waiting for their turn: the sum is the same for any number
 * of threads, in one buffer, without atomics on numbers. A task only ever waits for tasks with
 * smaller key tiles, which were claimed before it.
 */
final class BackwardKernel {
  private final TileKernels kernels;
  private final Problem problem;
  private final BackwardCall call;
  private final ForwardCall forward;
  private final ScorePass scores;
  private final Turns turns = new Turns();

  BackwardKernel(TileKernels kernels, Problem problem, BackwardCall call) {
    this.kernels = kernels;
    this.problem = problem;
    this.call = call;
    this.forward = call.forward();
    this.scores = new ScorePass(problem.score());
  }

  /** One pair of a query tile and a key tile. */
  private static final class Pair {
    final Workspace w;
    final TileGrid grid;
    final KeyTile key;
    final QueryPack query;
    final QueryTile tile;
    final int m;
    final int n;
    final boolean partial;
    final int key0;
    final int keys;

    Pair(
        Workspace w,
        TileGrid grid,
        KeyTile key,
        QueryPack query,
        QueryTile tile,
        int m,
        int n,
        boolean partial) {
      this.w = w;
      this.grid = grid;
      this.key = key;
      this.query = query;
      this.tile = tile;
      this.m = m;
      this.n = n;
      this.partial = partial;
      key0 = n * TILE_N;
      keys = Math.min(TILE_N, grid.extent().seqlenK() - key0);
    }
  }

  /**
   * Computes and writes dK and dV of one key tile and adds its share of dQ.
   *
   * @param queries the packs of the group's query heads
   */
  void run(KeyTile key, QueryPack[] queries, TileGrid[] grids, int b, int kvHead, int n) {
    try {
      Workspace w = Workspace.of(problem);
      w.clearKeyGradients(problem);
      for (int g = 0; g < queries.length; g++) {
        TileRuns runs = grids[g].columns();
        for (int run = runs.firstRun(n); run < runs.firstRun(n + 1); run++) {
          for (int m = runs.from(run); m < runs.to(run); m++) {
            QueryTile tile = QueryTile.of(grids[g], b, kvHead * problem.group() + g, m);
            pair(new Pair(w, grids[g], key, queries[g], tile, m, n, runs.partial(run)));
          }
        }
      }
      writeKeyGradients(w, b, kvHead, n);
    } catch (RuntimeException | Error thrown) {
      turns.fail(thrown);
      throw thrown;
    }
  }

  private void pair(Pair t) {
    Workspace w = t.w;
    loadTile(t);
    // Keys any panel sees, and the panels that see any.
    int lo = t.keys;
    int hi = 0;
    int rows = t.tile.rows();
    int laneLo = rows;
    int laneHi = 0;
    for (int lane = 0; lane < rows; lane += NR) {
      long range =
          t.partial
              ? MaskPass.classify(t.grid, t.tile, lane, t.key0, t.keys, w)
              : MaskPass.range(0, t.keys);
      w.ranges[lane / NR] = range;
      if (range != 0) {
        lo = Math.min(lo, MaskPass.first(range));
        hi = Math.max(hi, MaskPass.end(range));
        laneLo = Math.min(laneLo, lane);
        laneHi = Math.min(lane + NR, rows);
      }
    }
    if (lo < hi) {
      int from = lo / MR * MR;
      int to = Lanes.roundUp(hi, MR);
      for (int lane = laneLo; lane < laneHi; lane += NR) {
        long range = w.ranges[lane / NR];
        int first = range == 0 ? from : MaskPass.first(range);
        int end = range == 0 ? from : MaskPass.end(range);
        if (range != 0) {
          panel(t, lane, first, end);
        }
        kernels.layByKeys(w, lane, first, end, from, to);
      }
      accumulateByKeys(t, laneLo, laneHi, from, to);
    }
    turns.await(t.query.turns, t.m, t.n);
    if (lo < hi) {
      addToQueries(t);
      addToBias(t, lo, hi, laneLo, laneHi);
    }
    t.query.turns.set(t.m, nextVisited(t));
  }

  private void loadTile(Pair t) {
    BiasSource bias = forward.bias();
    t.w.setLanes(t.tile);
    if (t.partial) {
      MaskPass.loadBits(t.grid, t.tile, t.key0, t.keys, t.w);
    }
    if (bias != null) {
      scores.loadBias(bias, t.tile, t.key0, t.keys, t.w);
    }
    DropoutBits dropout = forward.dropout();
    if (dropout != null) {
      MaskPass.loadKept(dropout, t.grid, t.tile, t.key0, t.keys, t.w);
    }
  }

  /**
   * Leaves dropped probabilities in w.st and dS in w.ds, for keys [first, end) and one panel of
   * queries.
   */
  private void panel(Pair t, int lane, int first, int end) {
    Workspace w = t.w;
    int dim = problem.headDim();
    int valueDim = problem.valueDim();
    int p = lane / NR;
    int base = p * PANEL;
    float scale = kernels.productFactor(problem);
    Floats queries = t.query.qt[t.m];
    Floats douts = t.query.dot[t.m];
    // Each product brings its next panel nearer.
    int nextQueries = (p + 1) * dim * PS;
    int nextDouts = (p + 1) * valueDim * PS;
    kernels.scores(
        dim, t.key.keyRows, queries, p, scale, w.st, base, first, end, queries, nextQueries);
    kernels.scores(
        valueDim, t.key.valueRows, douts, p, 1f, w.ds, base, first, end, douts, nextDouts);
    boolean hasBias = forward.bias() != null;
    if (scores.needed(hasBias)) {
      scores.apply(w, hasBias, true, lane, base, first, end);
    }
    DropoutBits dropout = forward.dropout();
    float factor = dropout == null ? 1f : (float) dropout.keptFactor();
    if (dropout != null) {
      kernels.drop(w, factor, lane, w.ds, base, first, end);
    }
    kernels.scoreGradients(w, t.query, t.m, lane, base, first, end);
    if (t.partial) {
      // Only now: the lse of a row may itself be NaN, and no masked key may hear of it.
      kernels.hide(t.grid, lane, t.key0, w, w.st, base, first, end, 0f);
      kernels.hide(t.grid, lane, t.key0, w, w.ds, base, first, end, 0f);
      if (scores.capped()) {
        kernels.hide(t.grid, lane, t.key0, w, w.slope, base, first, end, 0f);
      }
    }
    if (scores.capped()) {
      // Kept beside dS, not in it: the gradient of a late bias has no slope.
      kernels.multiplySlope(w, base, first, end);
    }
    if (dropout != null) {
      kernels.drop(w, factor, lane, w.st, base, first, end);
    }
  }

  /** dV += Pᵀ.dO and dK += dSᵀ.Q */
  private void accumulateByKeys(Pair t, int laneLo, int laneHi, int from, int to) {
    Workspace w = t.w;
    int rows = t.tile.rows();
    Floats douts = t.query.douts[t.m];
    Floats queries = t.query.queries[t.m];
    int valueDim = problem.valueDim();
    kernels.accumulateByKeys(
        w.st, w.keyMajorP, douts, rows, valueDim, laneLo, laneHi, from, to, w.dv);
    int dim = problem.headDim();
    kernels.accumulateByKeys(
        w.ds, w.keyMajorDs, queries, rows, dim, laneLo, laneHi, from, to, w.dk);
    addStrays(t, t.query.doutStrays[t.m], w.st, w.dv);
    addStrays(t, t.query.queryStrays[t.m], w.ds, w.dk);
  }

  /** Adds elements that are not finite to the keys that see their row. */
  private static void addStrays(Pair t, @Nullable Strays strays, Floats tile, Floats target) {
    for (int s = 0; strays != null && s < strays.count(); s++) {
      int i = strays.rows()[s];
      int c = strays.columns()[s];
      for (int j = 0; j < t.keys; j++) {
        if (sees(t, i, j)) {
          float weight = tile.get(i / NR * PANEL + j * PS + i % NR);
          target.add((c / NR * TILE_N + j) * NR + c % NR, weight * strays.values()[s]);
        }
      }
    }
  }

  private static boolean sees(Pair t, int i, int j) {
    return !t.partial || MaskPass.sees(t.grid, i, t.key0, j, t.w);
  }

  private static int nextVisited(Pair t) {
    TileRuns runs = t.grid.rows();
    for (int run = runs.firstRun(t.m); run < runs.firstRun(t.m + 1); run++) {
      if (runs.to(run) > t.n + 1) {
        return Math.max(runs.from(run), t.n + 1);
      }
    }
    return Integer.MAX_VALUE;
  }

  /** dQᵀ += Kᵀ.dSᵀ */
  private void addToQueries(Pair t) {
    Floats dqt = t.query.dqt[t.m];
    int padded = Lanes.roundUp(problem.headDim(), MR);
    for (int lane = 0; lane < t.tile.rows(); lane += NR) {
      long range = t.w.ranges[lane / NR];
      int first = MaskPass.first(range);
      int end = MaskPass.end(range);
      int out = lane / NR * padded * PS;
      if (range != 0) {
        int base = lane / NR * PANEL;
        kernels.accumulate(t.w, t.key.columns, t.keys, t.w.ds, base, first, end, dqt, out, padded);
      }
    }
    Strays strays = t.key.strays;
    for (int s = 0; strays != null && s < strays.count(); s++) {
      int j = strays.rows()[s];
      int c = strays.columns()[s];
      for (int i = 0; i < t.tile.rows(); i++) {
        if (sees(t, i, j)) {
          float ds = t.w.ds.get(i / NR * PANEL + j * PS + i % NR);
          dqt.add((i / NR * padded + c) * PS + i % NR, ds * strays.values()[s]);
        }
      }
    }
  }

  private void addToBias(Pair t, int lo, int hi, int laneLo, int laneHi) {
    BiasGradient dbias = call.dbias();
    if (dbias == null) {
      return;
    }
    BiasStage stage = problem.score().biasStage();
    boolean late = stage == BiasStage.AFTER_SOFTCAP && scores.capped();
    double factor = stage == BiasStage.BEFORE_SCALE ? problem.score().scale() : 1;
    Floats tile = late ? t.w.bias : t.w.ds;
    for (int i = laneLo; i < laneHi; i++) {
      long range = t.w.ranges[i / NR];
      int first = Math.max(lo, MaskPass.first(range));
      int count = Math.min(hi, MaskPass.end(range)) - first;
      for (int j = 0; j < count; j++) {
        t.w.amounts[j] = tile.get(i / NR * PANEL + (first + j) * PS + i % NR) * factor;
      }
      dbias.add(t.tile.b(), t.tile.head(), t.tile.row0() + i, t.key0 + first, count, t.w.amounts);
    }
  }

  private void writeKeyGradients(Workspace w, int b, int kvHead, int n) {
    int keys = Math.min(TILE_N, problem.sequences().lengthK(b) - n * TILE_N);
    long row = problem.sequences().startK(b) + n * (long) TILE_N;
    int entry = problem.sequences().entry(b);
    float factor = kernels.productFactor(problem);
    for (int j = 0; j < keys; j++) {
      long keyAt = call.dkey().at(entry, kvHead, row + j);
      writeRow(w, w.dk, j, problem.headDim(), factor, call.dkey(), keyAt);
      long valueAt = call.dvalue().at(entry, kvHead, row + j);
      writeRow(w, w.dv, j, problem.valueDim(), 1f, call.dvalue(), valueAt);
    }
  }

  private static void writeRow(
      Workspace w, Floats panels, int j, int columns, float factor, Rows to, long at) {
    for (int c = 0; c < columns; c++) {
      // Adding zero turns -0, which skipping a tile may or may not leave behind, into +0.
      w.rows[c] = panels.get((c / NR * TILE_N + j) * NR + c % NR) * factor + 0f;
    }
    RowTransfer.write(to, at, columns, w.rows, 0, w.halves);
  }
}
