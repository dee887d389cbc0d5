package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TilePlan;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Some key/value heads that are packed together, and then their query tiles, the ones with most key
 * tiles first.
 */
final class ForwardWave {
  private record PackTask(int slot, int b, int kvHead, int tile) {}

  private record Task(int slot, int b, int h, int m, int visited) {}

  private final List<PackTask> packTasks = new ArrayList<>();
  private final List<Task> tasks = new ArrayList<>();

  private ForwardWave(Problem problem, TilePlan plan, int[] pairs) {
    for (int slot = 0; slot < pairs.length; slot++) {
      int b = pairs[slot] / problem.kvHeads();
      int kvHead = pairs[slot] % problem.kvHeads();
      for (int n = 0; n < Math.ceilDiv(problem.sequences().lengthK(b), TILE_N); n++) {
        packTasks.add(new PackTask(slot, b, kvHead, n));
      }
      for (int g = 0; g < problem.group(); g++) {
        int h = kvHead * problem.group() + g;
        TileGrid grid = plan.grid(b, h);
        for (int m = 0; m < Math.ceilDiv(problem.sequences().lengthQ(b), TILE_M); m++) {
          tasks.add(new Task(slot, b, h, m, grid.rows().visited(m)));
        }
      }
    }
    tasks.sort(Comparator.comparingInt(Task::visited).reversed());
  }

  static List<ForwardWave> cut(Problem problem, TilePlan plan, int size) {
    return CpuAttention.cutPairs(CpuAttention.pairs(problem), size).stream()
        .map(pairs -> new ForwardWave(problem, plan, pairs))
        .toList();
  }

  int packTasks() {
    return packTasks.size();
  }

  int tasks() {
    return tasks.size();
  }

  int head(int task) {
    return tasks.get(task).h();
  }

  void pack(int task, KeyPack[] packs, ForwardCall call) {
    PackTask t = packTasks.get(task);
    packs[t.slot()].pack(call, t.b(), t.kvHead(), t.tile());
  }

  float run(int task, KeyPack[] packs, ForwardKernel kernel, TilePlan plan) {
    Task t = tasks.get(task);
    return kernel.run(packs[t.slot()], plan.grid(t.b(), t.h()), t.b(), t.h(), t.m());
  }
}
