package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileRuns;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;

/**
 * Some key/value heads whose query tiles are computed together, the ones with most key tiles first.
 * Heads that several tiles read are packed before.
 */
final class ForwardWave {
  private record PackTask(int slot, int b, int kvHead, int tile) {}

  /** A query tile, all of its keys. */
  private record Whole(QueryTile tile, TileGrid grid, int slot) {
    int visited() {
      return grid.rows().visited(tile.row0() / TILE_M);
    }
  }

  private final Problem problem;
  private final KeySplits splits;
  private final List<PackTask> packTasks = new ArrayList<>();
  private final List<ForwardTask> tasks = new ArrayList<>();
  private int joins;

  private ForwardWave(
      Problem problem, TilePlan plan, KeySplits splits, List<Integer> pairs, boolean pack) {
    this.problem = problem;
    this.splits = splits;
    List<Whole> tiles = new ArrayList<>();
    for (int slot = 0; slot < pairs.size(); slot++) {
      int b = pairs.get(slot) / problem.kvHeads();
      int kvHead = pairs.get(slot) % problem.kvHeads();
      int head = kvHead * problem.group();
      if (!pack) {
        int rows = problem.sequences().lengthQ(b);
        QueryTile group = new QueryTile(b, head, problem.group(), 0, rows);
        tiles.add(new Whole(group, plan.grid(b, head), ForwardTask.OWN));
        continue;
      }
      for (int n = 0; n < Math.ceilDiv(problem.sequences().lengthK(b), TILE_N); n++) {
        packTasks.add(new PackTask(slot, b, kvHead, n));
      }
      for (int h = head; h < head + problem.group(); h++) {
        TileGrid grid = plan.grid(b, h);
        for (int m = 0; m < grid.rowTiles(); m++) {
          tiles.add(new Whole(QueryTile.of(grid, b, h, m), grid, slot));
        }
      }
    }
    tiles.sort(Comparator.comparingInt(Whole::visited).reversed());
    tiles.forEach(this::addTasks);
  }

  /**
   * The keys of few rows are shared among threads, part by part; where there are many rows, one
   * task takes a tile through all of its parts. Parts that see nothing are left out, except the
   * first, which may have a sink to tell of.
   */
  private void addTasks(Whole whole) {
    QueryTile tile = whole.tile();
    int tiles = whole.grid().columnTiles();
    int step = splits.tilesPerPart();
    if (!splits.fewRows(tile.b()) || step >= tiles) {
      tasks.add(new ForwardTask(tile, whole.grid(), whole.slot(), 0, tiles, step, 0, 1, 0));
      return;
    }
    BitSet parts = visitedParts(whole.grid().rows(), tile.row0() / TILE_M, step);
    parts.set(0);
    int count = parts.cardinality();
    int part = 0;
    for (int p = 0; p >= 0; p = parts.nextSetBit(p + 1)) {
      int from = p * step;
      int to = Math.min(tiles, from + step);
      tasks.add(
          new ForwardTask(tile, whole.grid(), whole.slot(), from, to, step, part++, count, joins));
    }
    joins += count > 1 ? 1 : 0;
  }

  private static BitSet visitedParts(TileRuns runs, int m, int step) {
    BitSet parts = new BitSet();
    for (int run = runs.firstRun(m); run < runs.firstRun(m + 1); run++) {
      parts.set(runs.from(run) / step, Math.ceilDiv(runs.to(run), step));
    }
    return parts;
  }

  /** Waves of at most {@code size} heads that are packed, and one of those that are not. */
  static List<ForwardWave> cut(Problem problem, TilePlan plan, KeySplits splits, int size) {
    List<Integer> packed = new ArrayList<>();
    List<Integer> own = new ArrayList<>();
    for (int pair = 0; pair < CpuAttention.pairs(problem); pair++) {
      int b = pair / problem.kvHeads();
      if (problem.sequences().lengthQ(b) > 0) {
        (splits.groupsTiles(b) ? own : packed).add(pair);
      }
    }
    List<ForwardWave> waves = new ArrayList<>();
    for (int first = 0; first < packed.size(); first += size) {
      List<Integer> some = packed.subList(first, Math.min(packed.size(), first + size));
      waves.add(new ForwardWave(problem, plan, splits, some, true));
    }
    if (!own.isEmpty()) {
      waves.add(new ForwardWave(problem, plan, splits, own, false));
    }
    return waves;
  }

  int packTasks() {
    return packTasks.size();
  }

  int tasks() {
    return tasks.size();
  }

  /** How many tiles have several parts. */
  int joins() {
    return joins;
  }

  void pack(int task, KeyTile[][] packs, ForwardCall call) {
    PackTask t = packTasks.get(task);
    packs[t.slot()][t.tile()].pack(
        TileKernels.of(problem), problem, call, t.b(), t.kvHead(), t.tile());
  }

  void run(int task, ForwardKernel kernel) {
    kernel.run(tasks.get(task));
  }
}
