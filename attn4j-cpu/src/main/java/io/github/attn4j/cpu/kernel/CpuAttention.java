package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.Execution;
import io.github.attn4j.Sequences;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.PreparedAttention;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;
import io.github.attn4j.spi.TilePlan;
import java.util.ArrayList;
import java.util.List;

/**
 * A prepared problem: cuts the work into waves of heads and tasks and hands them to the kernels.
 */
public final class CpuAttention implements PreparedAttention {
  private final Problem problem;
  private final TilePlan plan;
  private final Execution execution;
  private final List<ForwardWave> forwardWaves;
  private final Pool<KeyPack[]> forwardPacks;
  private final BackwardPass backwardPass;

  /**
   * Prepares a problem.
   *
   * @param problem a problem without refusals
   * @param plan its tiles of {@code TILE_M} by {@code TILE_N}
   * @param execution threads and executor
   */
  public CpuAttention(Problem problem, TilePlan plan, Execution execution) {
    this.problem = problem;
    this.plan = plan;
    this.execution = execution;
    int maxTiles = maxTiles(problem, false);
    int size = waveSize(problem, execution, KeyPack.bytes(problem, maxTiles, false));
    this.forwardWaves = ForwardWave.cut(problem, plan, size);
    this.forwardPacks =
        new Pool<>(() -> {
          KeyPack[] packs = new KeyPack[Math.min(size, pairs(problem))];
          java.util.Arrays.setAll(packs, p -> new KeyPack(problem, maxTiles, false));
          return packs;
        });
    this.backwardPass = new BackwardPass(problem, plan, execution);
  }

  static int pairs(Problem problem) {
    return problem.sequences().count() * problem.kvHeads();
  }

  static int maxTiles(Problem problem, boolean queries) {
    Sequences sequences = problem.sequences();
    int most = 0;
    for (int b = 0; b < sequences.count(); b++) {
      int tiles =
          queries
              ? Math.ceilDiv(sequences.lengthQ(b), TILE_M)
              : Math.ceilDiv(sequences.lengthK(b), TILE_N);
      most = Math.max(most, tiles);
    }
    return most;
  }

  /** Memory that the packs of one wave may take before heads are worked on one after the other. */
  private static final long WAVE_BYTES = 128L << 20;

  /**
   * How many heads are packed and computed together: enough tasks to keep every thread busy to the
   * end of the wave, and otherwise as many as fit into a modest amount of memory, so that packs of
   * long sequences do not pile up.
   */
  static int waveSize(Problem problem, Execution execution, long bytesPerPair) {
    int tasksPerPair = Math.max(1, maxTiles(problem, true) * problem.group());
    int busy = Math.ceilDiv(8 * execution.resolvedThreads(), tasksPerPair);
    long fitting = WAVE_BYTES / Math.max(1, bytesPerPair);
    return (int) Math.max(1, Math.max(busy, Math.min(fitting, Integer.MAX_VALUE)));
  }

  @Override
  public void forward(ForwardCall call) {
    KeyPack[] packs = forwardPacks.borrow();
    ForwardKernel kernel = new ForwardKernel(problem, call);
    boolean wantMax = call.maxLogit() != null;
    float[] maxima = new float[wantMax ? problem.heads() : 0];
    java.util.Arrays.fill(maxima, Float.NEGATIVE_INFINITY);
    for (ForwardWave wave : forwardWaves) {
      Workers.run(execution, wave.packTasks(), task -> wave.pack(task, packs, call));
      float[] parts = new float[wantMax ? wave.tasks() : 0];
      Workers.run(
          execution,
          wave.tasks(),
          task -> {
            float most = wave.run(task, packs, kernel, plan);
            if (wantMax) {
              parts[task] = most;
            }
          });
      for (int task = 0; task < parts.length; task++) {
        int h = wave.head(task);
        maxima[h] = Math.max(maxima[h], parts[task]);
      }
    }
    Rows target = call.maxLogit();
    for (int h = 0; target != null && h < maxima.length; h++) {
      RowTransfer.writeOne(target, target.at(0, h, 0), maxima[h]);
    }
    forwardPacks.giveBack(packs);
  }

  @Override
  public void backward(BackwardCall call) {
    backwardPass.run(call);
  }

  /**
   * Key/value heads in order, {@code size} at a time; those without queries or keys are kept, their
   * tasks are few.
   */
  static List<int[]> cutPairs(int pairs, int size) {
    List<int[]> waves = new ArrayList<>();
    for (int first = 0; first < pairs; first += size) {
      int from = first;
      int[] wave = new int[Math.min(size, pairs - first)];
      java.util.Arrays.setAll(wave, p -> from + p);
      waves.add(wave);
    }
    return waves;
  }
}
