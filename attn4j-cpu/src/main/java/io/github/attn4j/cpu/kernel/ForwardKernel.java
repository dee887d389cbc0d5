package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.spi.BiasSource;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;
import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TileRuns;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Output and lse of one query tile over some key tiles: for each of those that the plan visits, and
 * each panel of NR queries,
 *
 * <pre>
 *   Sᵀ = K.Qᵀ                  (keys, NR) on the panel
 *   bias, softcap, mask        only where there are any
 *   Pᵀ = exp(Sᵀ - rowMax)      rowMax, rowSum and Oᵀ moved on
 *   Oᵀ += Vᵀ.Pᵀ                (valueDim, NR)
 * </pre>
 */
final class ForwardKernel {
  private final TileKernels kernels;

  /** Parts that a key tile is fetched ahead in: 24 KiB each at 128 columns. */
  private static final int PARTS = 4;

  private final Problem problem;
  private final ForwardCall call;
  private final KeyTile[][] packs;
  private final Joins joins;
  private final ScorePass scores;
  private final RowFinisher finisher;

  /** Null if the call needs more than it does. */
  private final @Nullable DecodePass decode;

  /** The largest score of each head, whichever thread finds it. */
  private final float[] maxLogits;

  ForwardKernel(Problem problem, ForwardCall call, KeyTile[][] packs, Joins joins) {
    this.kernels = TileKernels.of(problem);
    this.problem = problem;
    this.call = call;
    this.packs = packs;
    this.joins = joins;
    this.scores = new ScorePass(problem.score());
    this.finisher = new RowFinisher(problem, call);
    this.decode = DecodePass.of(kernels, problem, call);
    this.maxLogits = new float[call.maxLogit() == null ? 0 : problem.heads()];
    Arrays.fill(maxLogits, Float.NEGATIVE_INFINITY);
  }

  /** Computes one task and, if it completes its tile, writes the tile. */
  void run(ForwardTask task) {
    try {
      compute(task);
    } catch (RuntimeException | Error thrown) {
      joins.fail(thrown);
      throw thrown;
    }
  }

  private void compute(ForwardTask task) {
    Workspace w = Workspace.of(problem);
    QueryTile tile = task.tile();
    w.setLanes(tile);
    loadQueries(tile, w);
    PartialRows rows = parts(task, w);
    if (task.shares() == 1) {
      finisher.write(rows, tile, w.halves);
      return;
    }
    PartialRows joined = joins.add(task.join(), task.share(), task.shares(), rows, tile.lanes());
    if (joined != null) {
      finisher.write(joined, tile, w.halves);
      joins.finish(joined);
    }
  }

  /** Each part of a task by a softmax of its own, joined in their order. */
  private PartialRows parts(ForwardTask task, Workspace w) {
    QueryTile tile = task.tile();
    int from = task.from();
    do {
      int to = from + Math.min(task.to() - from, task.step());
      boolean first = from == task.from();
      // Parts that see nothing change nothing; but the first may have a sink to tell of.
      if (part(task, w, from, to) || first) {
        finisher.finish(w, tile, from == 0, first ? w.joined : w.part);
        if (!first) {
          w.joined.merge(w.part, tile.lanes(), problem.valueDim());
        }
      }
      from = to;
    } while (from < task.to());
    return w.joined;
  }

  /**
   * The running softmax over key tiles {@code [from, to)}.
   *
   * @return whether the plan visits any of them
   */
  private boolean part(ForwardTask task, Workspace w, int from, int to) {
    QueryTile tile = task.tile();
    DecodePass inPlace = decode != null && DecodePass.takes(task) ? decode : null;
    boolean visited = visit(task, w, from, to, inPlace);
    if (inPlace != null && !inPlace.finite(w, tile.lanes())) {
      visit(task, w, from, to, null);
    }
    for (int g = 0; maxLogits.length > 0 && g < tile.heads(); g++) {
      int first = g * tile.rows();
      noteLargest(tile.head() + g, RowFinisher.largest(w, first, first + tile.rows()));
    }
    return visited;
  }

  /** From an empty softmax on; FULL tiles by {@code inPlace} if it is there. */
  private boolean visit(
      ForwardTask task, Workspace w, int from, int to, @Nullable DecodePass inPlace) {
    QueryTile tile = task.tile();
    int panel = Lanes.roundUp(problem.valueDim(), MR) * PS;
    w.rowMax.fill(Float.NEGATIVE_INFINITY);
    w.rowSum.fill(0f);
    w.ot.fill(0, Math.ceilDiv(tile.lanes(), NR) * panel, 0f);
    boolean visited = false;
    TileRuns runs = task.grid().rows();
    int m = tile.row0() / TILE_M;
    for (int run = runs.firstRun(m); run < runs.firstRun(m + 1); run++) {
      int end = Math.min(to, runs.to(run));
      int first = Math.max(from, runs.from(run));
      visited |= first < end;
      if (inPlace != null && !runs.partial(run) && first < end) {
        int kvHead = tile.head() / problem.group();
        inPlace.tiles(tile, kvHead, first, end, task.grid().extent().seqlenK(), w);
        continue;
      }
      for (int n = first; n < end; n++) {
        keyTile(task, w, n, runs.partial(run));
      }
    }
    return visited;
  }

  private synchronized void noteLargest(int h, float score) {
    maxLogits[h] = Math.max(maxLogits[h], score);
  }

  /** Writes the largest score of each head, when all tasks are done. */
  void writeMaxLogits() {
    Rows target = call.maxLogit();
    for (int h = 0; target != null && h < maxLogits.length; h++) {
      RowTransfer.writeOne(target, target.at(0, h, 0), maxLogits[h]);
    }
  }

  private void loadQueries(QueryTile tile, Workspace w) {
    // Where it can, the scale rides on Q, once per element.
    float factor = kernels.queryFactor(problem);
    kernels.packQueries(
        call.query(), problem.sequences(), tile, problem.headDim(), factor, w.qt, null, w);
  }

  private void keyTile(ForwardTask task, Workspace w, int n, boolean partial) {
    QueryTile tile = task.tile();
    TileGrid grid = task.grid();
    int key0 = n * TILE_N;
    int keys = Math.min(TILE_N, grid.extent().seqlenK() - key0);
    boolean seen = !partial;
    if (partial) {
      MaskPass.loadBits(grid, tile, key0, keys, w);
    }
    for (int lane = 0; lane < tile.lanes(); lane += NR) {
      long range = MaskPass.range(0, keys);
      if (partial) {
        range = MaskPass.classify(grid, tile, lane, key0, keys, w);
        seen |= range != 0;
      }
      w.ranges[lane / NR] = range;
    }
    if (!seen) {
      return;
    }
    BiasSource bias = call.bias();
    if (bias != null) {
      scores.loadBias(bias, tile, key0, keys, w);
    }
    if (call.dropout() != null) {
      MaskPass.loadKept(call.dropout(), grid, tile, key0, keys, w);
    }
    KeyTile packed;
    KeyTile following;
    if (task.slot() == ForwardTask.OWN) {
      packed = w.pack(problem, call, tile.b(), tile.head() / problem.group(), n);
      following = packed;
    } else {
      KeyTile[] tiles = packs[task.slot()];
      packed = tiles[n];
      following = tiles[Math.min(n + 1, tiles.length - 1)];
    }
    for (int lane = 0; lane < tile.lanes(); lane += NR) {
      if (w.ranges[lane / NR] != 0) {
        panel(task, w, packed, following, key0, keys, partial, lane);
      }
    }
  }

  private void panel(
      ForwardTask task,
      Workspace w,
      KeyTile packed,
      KeyTile following,
      int key0,
      int keys,
      boolean partial,
      int lane) {
    long visible = w.ranges[lane / NR];
    int first = MaskPass.first(visible);
    int end = MaskPass.end(visible);
    int dim = problem.headDim();
    int outColumns = Lanes.roundUp(problem.valueDim(), MR);
    // Sᵀ = K.Qᵀ
    float scale = kernels.productFactor(problem);
    // The panels of a tile each bring a part of the following tile nearer, keys before values.
    int part = lane / NR % PARTS;
    Floats ahead = part < PARTS / 2 ? following.keyRows : following.columns;
    int aheadAt = part % (PARTS / 2) * (ahead.size() / (PARTS / 2));
    kernels.scores(
        dim, packed.keyRows, w.qt, lane / NR, scale, w.st, 0, first, end, ahead, aheadAt);
    boolean hasBias = call.bias() != null;
    if (scores.needed(hasBias)) {
      scores.apply(w, hasBias, false, lane, 0, first, end);
    }
    if (partial) {
      kernels.hide(task.grid(), lane, key0, w, w.st, 0, first, end, Float.NEGATIVE_INFINITY);
    }
    kernels.softmax(w, lane, first, end, outColumns);
    if (call.dropout() != null) {
      float factor = (float) call.dropout().keptFactor();
      kernels.drop(w, factor, lane, w.st, 0, first, end);
    }
    // Oᵀ += Vᵀ.Pᵀ
    int out = lane / NR * outColumns * PS;
    kernels.accumulate(w, packed.columns, keys, w.st, 0, first, end, w.ot, out, outColumns);
    Strays strays = packed.strays;
    if (strays != null) {
      addStrays(task, w, strays, partial, lane, key0);
    }
  }

  /** Adds the values that are not finite, to the queries that see them. */
  private void addStrays(
      ForwardTask task, Workspace w, Strays strays, boolean partial, int lane, int key0) {
    long visible = w.ranges[lane / NR];
    int out = lane / NR * Lanes.roundUp(problem.valueDim(), MR) * PS - lane;
    for (int s = 0; s < strays.count(); s++) {
      int j = strays.rows()[s];
      int c = strays.columns()[s];
      if (j < MaskPass.first(visible) || j >= MaskPass.end(visible)) {
        continue;
      }
      for (int i = lane; i < Math.min(lane + NR, task.tile().lanes()); i++) {
        if (!partial || MaskPass.sees(task.grid(), i, key0, j, w)) {
          w.ot.add(out + c * PS + i, w.st.get(j * PS + i - lane) * strays.values()[s]);
        }
      }
    }
  }
}
