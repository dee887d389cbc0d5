package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.COUNT;
import static io.github.attn4j.cpu.kernel.Lanes.FLOATS;
import static io.github.attn4j.cpu.kernel.Lanes.LD;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PANEL;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static io.github.attn4j.cpu.kernel.MicroKernel.MR;
import static io.github.attn4j.cpu.kernel.Workspace.ZEROS;

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
import jdk.incubator.vector.FloatVector;
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
  private final Problem problem;
  private final BackwardCall call;
  private final ForwardCall forward;
  private final ScorePass scores;
  private final Turns turns = new Turns();

  BackwardKernel(Problem problem, BackwardCall call) {
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
        copyByRows(w, lane, first, end, from, to);
      }
      accumulate(
          w.keyMajorP,
          t.query.douts[t.m],
          problem.valueDim(),
          rows,
          laneLo,
          laneHi,
          from,
          to,
          w.dv);
      accumulate(
          w.keyMajorDs,
          t.query.queries[t.m],
          problem.headDim(),
          rows,
          laneLo,
          laneHi,
          from,
          to,
          w.dk);
      addStrays(t, t.query.doutStrays[t.m], w.keyMajorP, w.dv);
      addStrays(t, t.query.queryStrays[t.m], w.keyMajorDs, w.dk);
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
    float[] keyRows = t.key.keyRows;
    float[] valueRows = t.key.valueRows;
    float[] qt = t.query.qt[t.m];
    float[] dot = t.query.dot[t.m];
    int p = lane / NR;
    int base = p * PANEL;
    for (int j = first / MR * MR; j < end; j += MR) {
      int at = base + j * PS;
      MicroKernel.panel(dim, keyRows, j * dim, qt, p * dim * PS, ZEROS, 0, w.st, at);
      MicroKernel.panel(
          valueDim, valueRows, j * valueDim, dot, p * valueDim * PS, ZEROS, 0, w.ds, at);
    }
    boolean hasBias = forward.bias() != null;
    if (scores.needed(hasBias)) {
      scores.apply(w, hasBias, true, lane, base, first, end);
    }
    DropoutBits dropout = forward.dropout();
    float factor = dropout == null ? 1f : (float) dropout.keptFactor();
    if (dropout != null) {
      MaskPass.drop(w.kept, factor, lane, base, first, end, w.ds);
    }
    for (int v = 0; v < NR; v += COUNT) {
      scoreGradients(t, lane + v, base + v, first, end);
    }
    if (t.partial) {
      // Only now: the lse of a row may itself be NaN, and no masked key may hear of it.
      MaskPass.apply(t.grid, lane, base, t.key0, first, end, w, w.st, 0f);
      MaskPass.apply(t.grid, lane, base, t.key0, first, end, w, w.ds, 0f);
      if (scores.capped()) {
        MaskPass.apply(t.grid, lane, base, t.key0, first, end, w, w.slope, 0f);
      }
    }
    if (scores.capped()) {
      multiplySlope(w, base, first, end);
    }
    if (dropout != null) {
      MaskPass.drop(w.kept, factor, lane, base, first, end, w.st);
    }
  }

  private static void scoreGradients(Pair t, int lane, int start, int first, int end) {
    float[] st = t.w.st;
    float[] ds = t.w.ds;
    FloatVector base = FloatVector.fromArray(FLOATS, t.query.base[t.m], lane);
    FloatVector logSum = FloatVector.fromArray(FLOATS, t.query.logSum[t.m], lane);
    FloatVector delta = FloatVector.fromArray(FLOATS, t.query.delta[t.m], lane);
    for (int at = start + first * PS; at < start + end * PS; at += PS) {
      FloatVector p = Exp.of(FloatVector.fromArray(FLOATS, st, at).sub(base).sub(logSum));
      p.intoArray(st, at);
      p.mul(FloatVector.fromArray(FLOATS, ds, at).sub(delta)).intoArray(ds, at);
    }
  }

  private static void multiplySlope(Workspace w, int base, int first, int end) {
    for (int j = first; j < end; j++) {
      for (int at = base + j * PS; at < base + j * PS + NR; at += COUNT) {
        // Kept beside dS, not in it: the gradient of a late bias has no slope.
        FloatVector d = FloatVector.fromArray(FLOATS, w.ds, at);
        d.intoArray(w.bias, at);
        d.mul(FloatVector.fromArray(FLOATS, w.slope, at)).intoArray(w.ds, at);
      }
    }
  }

  /** Lays a finished panel out by rows for the products that sum over queries; zeros elsewhere. */
  private static void copyByRows(Workspace w, int lane, int first, int end, int from, int to) {
    FloatVector zero = FloatVector.zero(FLOATS);
    for (int j = from; j < to; j++) {
      boolean inside = j >= first && j < end;
      for (int v = 0; v < NR; v += COUNT) {
        int at = lane / NR * PANEL + j * PS + v;
        FloatVector p = inside ? FloatVector.fromArray(FLOATS, w.st, at) : zero;
        FloatVector d = inside ? FloatVector.fromArray(FLOATS, w.ds, at) : zero;
        p.intoArray(w.keyMajorP, j * LD + lane + v);
        d.intoArray(w.keyMajorDs, j * LD + lane + v);
      }
    }
  }

  /** {@code target[key][column] += sum over queries of tile[key][query] * rows[query][column]}. */
  private static void accumulate(
      float[] tile,
      float[] rows,
      int columns,
      int count,
      int laneLo,
      int laneHi,
      int from,
      int to,
      float[] target) {
    for (int p = 0; p * NR < columns; p++) {
      int b = (p * count + laneLo) * NR;
      for (int j = from; j < to; j += MR) {
        MicroKernel.row(
            laneHi - laneLo, tile, j * LD + laneLo, rows, b, target, (p * TILE_N + j) * NR);
      }
    }
  }

  /**
   * Adds elements that are not finite to the keys that see their row; {@code tile} lies by rows.
   */
  private static void addStrays(
      Pair t, Packer.@Nullable Strays strays, float[] tile, float[] target) {
    for (int s = 0; strays != null && s < strays.count(); s++) {
      int i = strays.rows()[s];
      int c = strays.columns()[s];
      for (int j = 0; j < t.keys; j++) {
        if (sees(t, i, j)) {
          target[(c / NR * TILE_N + j) * NR + c % NR] += tile[j * LD + i] * strays.values()[s];
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
    float[] dqt = t.query.dqt[t.m];
    int dim = problem.headDim();
    for (int lane = 0; lane < t.tile.rows(); lane += NR) {
      long range = t.w.ranges[lane / NR];
      int first = MaskPass.first(range);
      int end = MaskPass.end(range);
      for (int c = 0; range != 0 && c < dim; c += MR) {
        int at = (lane / NR * Lanes.roundUp(dim, MR) + c) * PS;
        MicroKernel.panel(
            end - first,
            t.key.columns,
            c * t.keys + first * MR,
            t.w.ds,
            lane / NR * PANEL + first * PS,
            dqt,
            at,
            dqt,
            at);
      }
    }
    int padded = Lanes.roundUp(dim, MR);
    Packer.Strays strays = t.key.strays;
    for (int s = 0; strays != null && s < strays.count(); s++) {
      int j = strays.rows()[s];
      int c = strays.columns()[s];
      for (int i = 0; i < t.tile.rows(); i++) {
        if (sees(t, i, j)) {
          float ds = t.w.ds[i / NR * PANEL + j * PS + i % NR];
          dqt[(i / NR * padded + c) * PS + i % NR] += ds * strays.values()[s];
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
    float[] tile = late ? t.w.bias : t.w.ds;
    for (int i = laneLo; i < laneHi; i++) {
      long range = t.w.ranges[i / NR];
      int first = Math.max(lo, MaskPass.first(range));
      int count = Math.min(hi, MaskPass.end(range)) - first;
      for (int j = 0; j < count; j++) {
        t.w.amounts[j] = tile[i / NR * PANEL + (first + j) * PS + i % NR] * factor;
      }
      dbias.add(t.tile.b(), t.tile.head(), t.tile.row0() + i, t.key0 + first, count, t.w.amounts);
    }
  }

  private void writeKeyGradients(Workspace w, int b, int kvHead, int n) {
    int keys = Math.min(TILE_N, problem.sequences().lengthK(b) - n * TILE_N);
    long row = problem.sequences().startK(b) + n * (long) TILE_N;
    int entry = problem.sequences().entry(b);
    for (int j = 0; j < keys; j++) {
      writeRow(w, w.dk, j, problem.headDim(), call.dkey(), call.dkey().at(entry, kvHead, row + j));
      writeRow(
          w, w.dv, j, problem.valueDim(), call.dvalue(), call.dvalue().at(entry, kvHead, row + j));
    }
  }

  private static void writeRow(Workspace w, float[] panels, int j, int columns, Rows to, long at) {
    for (int c = 0; c < columns; c++) {
      // Adding zero turns -0, which skipping a tile may or may not leave behind, into +0.
      w.rows[c] = panels[(c / NR * TILE_N + j) * NR + c % NR] + 0f;
    }
    RowTransfer.write(to, at, columns, w.rows, 0, w.halves);
  }
}
