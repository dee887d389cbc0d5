package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.Execution;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.BiasGradient;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileRuns;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The backward of a prepared problem, wave by wave: pack keys and queries, run the key tiles, write
 * dQ.
 *
 * <p>Tasks are ordered by key tile, so that threads mostly work on different heads and seldom wait
 * for their turn at dQ. Where a bias is broadcast, tasks that add to the same part of its gradient
 * form one group, which one thread runs in order.
 */
final class BackwardPass {
  private final Problem problem;
  private final TilePlan plan;
  private final Execution execution;
  private final int maxKeyTiles;
  private final int maxQueryTiles;
  private final int waveSize;
  private final Pool<Packs> packs;

  /** Buffers of a wave: the key tiles of each key/value head, one query pack per query head. */
  private record Packs(KeyTile[][] keys, QueryPack[][] queries) {}

  /**
   * One tile of one head: a query tile of query head {@code head}, or a key tile of key/value head
   * {@code head}.
   */
  private record Task(int slot, int b, int head, int tile) {}

  BackwardPass(Problem problem, TilePlan plan, Execution execution) {
    this.problem = problem;
    this.plan = plan;
    this.execution = execution;
    maxKeyTiles = CpuAttention.maxTiles(problem, false);
    maxQueryTiles = CpuAttention.maxTiles(problem, true);
    long bytes =
        KeyTile.bytes(problem, maxKeyTiles, true)
            + problem.group() * QueryPack.bytes(problem, maxQueryTiles);
    waveSize =
        Math.min(CpuAttention.pairs(problem), CpuAttention.waveSize(problem, execution, bytes));
    packs = new Pool<>(this::newPacks);
  }

  private Packs newPacks() {
    KeyTile[][] keys = new KeyTile[waveSize][];
    QueryPack[][] queries = new QueryPack[waveSize][problem.group()];
    for (int slot = 0; slot < waveSize; slot++) {
      keys[slot] = KeyTile.of(problem, maxKeyTiles, true);
      for (int g = 0; g < problem.group(); g++) {
        queries[slot][g] = new QueryPack(problem, maxQueryTiles);
      }
    }
    return new Packs(keys, queries);
  }

  void run(BackwardCall call) {
    int pairs = CpuAttention.pairs(problem);
    Packs buffers = packs.borrow();
    double[] sinks = new double[problem.heads()];
    for (int[] wave : CpuAttention.cutPairs(pairs, Math.max(1, waveSize))) {
      runWave(call, wave, buffers, sinks);
    }
    if (call.dsink() != null) {
      for (int h = 0; h < sinks.length; h++) {
        call.dsink()[h] = (float) sinks[h];
      }
    }
    packs.giveBack(buffers);
  }

  private void runWave(BackwardCall call, int[] wave, Packs buffers, double[] sinks) {
    TileKernels kernels = TileKernels.of(problem, call);
    List<Task> keyTasks = keyTasks(wave);
    List<Task> queryTasks = queryTasks(wave);
    Workers.run(
        execution,
        keyTasks.size(),
        at -> {
          Task t = keyTasks.get(at);
          buffers.keys()[t.slot()][t.tile()].pack(
              kernels, problem, call.forward(), t.b(), t.head(), t.tile());
        });
    Workers.run(
        execution,
        queryTasks.size(),
        at -> {
          Task t = queryTasks.get(at);
          int first = firstVisited(plan.grid(t.b(), t.head()), t.tile());
          queries(buffers, t).pack(kernels, call, t.b(), t.head(), t.tile(), first);
        });
    BackwardKernel kernel = new BackwardKernel(kernels, problem, call);
    List<List<Task>> groups = groups(keyTasks, call);
    Workers.run(
        execution,
        groups.size(),
        at -> groups.get(at).forEach(t -> runKeyTile(kernel, buffers, t)));
    Workers.run(
        execution,
        queryTasks.size(),
        at -> {
          Task t = queryTasks.get(at);
          queries(buffers, t).writeGradient(call, t.b(), t.head(), t.tile());
        });
    for (Task t : queryTasks) {
      sinks[t.head()] += queries(buffers, t).sinkParts[t.tile()];
    }
  }

  private QueryPack queries(Packs buffers, Task t) {
    return buffers.queries()[t.slot()][t.head() % problem.group()];
  }

  private void runKeyTile(BackwardKernel kernel, Packs buffers, Task t) {
    TileGrid[] grids = new TileGrid[problem.group()];
    for (int g = 0; g < grids.length; g++) {
      grids[g] = plan.grid(t.b(), t.head() * problem.group() + g);
    }
    kernel.run(
        buffers.keys()[t.slot()][t.tile()],
        buffers.queries()[t.slot()],
        grids,
        t.b(),
        t.head(),
        t.tile());
  }

  private static int firstVisited(TileGrid grid, int m) {
    TileRuns runs = grid.rows();
    int run = runs.firstRun(m);
    return run < runs.firstRun(m + 1) ? runs.from(run) : Integer.MAX_VALUE;
  }

  /** Key tiles of the wave, ascending; heads take turns. */
  private List<Task> keyTasks(int[] wave) {
    List<Task> tasks = new ArrayList<>();
    for (int n = 0; n < maxKeyTiles; n++) {
      for (int slot = 0; slot < wave.length; slot++) {
        int b = wave[slot] / problem.kvHeads();
        if (n < Math.ceilDiv(problem.sequences().lengthK(b), TILE_N)) {
          tasks.add(new Task(slot, b, wave[slot] % problem.kvHeads(), n));
        }
      }
    }
    return tasks;
  }

  private List<Task> queryTasks(int[] wave) {
    List<Task> tasks = new ArrayList<>();
    for (int slot = 0; slot < wave.length; slot++) {
      int b = wave[slot] / problem.kvHeads();
      int kvHead = wave[slot] % problem.kvHeads();
      for (int g = 0; g < problem.group(); g++) {
        for (int m = 0; m < Math.ceilDiv(problem.sequences().lengthQ(b), TILE_M); m++) {
          tasks.add(new Task(slot, b, kvHead * problem.group() + g, m));
        }
      }
    }
    return tasks;
  }

  /**
   * Tasks that add to the same elements of dbias, together and in the order of their heads, so that
   * no sum depends on how heads were cut into waves; without a bias gradient, each task alone.
   */
  private static List<List<Task>> groups(List<Task> tasks, BackwardCall call) {
    BiasGradient dbias = call.dbias();
    if (dbias == null) {
      return tasks.stream().map(List::of).toList();
    }
    Map<List<Integer>, List<Task>> groups = new LinkedHashMap<>();
    for (Task t : tasks) {
      List<Integer> owner =
          List.of(
              dbias.perKey() ? t.tile() : -1,
              dbias.perHead() ? t.head() : -1,
              dbias.perSequence() ? t.b() : -1);
      groups.computeIfAbsent(owner, key -> new ArrayList<>()).add(t);
    }
    if (!dbias.perKey()) {
      groups.values().forEach(group -> group.sort(Comparator.comparingInt(Task::slot)));
    }
    return List.copyOf(groups.values());
  }
}
