package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.Execution;
import io.github.attn4j.Sequences;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.PreparedAttention;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.TilePlan;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A prepared problem: cuts the work into waves of heads and tasks and hands them to the kernels.
 */
public final class CpuAttention implements PreparedAttention {
  private final Problem problem;
  private final Execution execution;
  private final KeySplits splits;
  private final List<ForwardWave> forwardWaves;
  private final Pool<ForwardBuffers> forwardBuffers;
  private final BackwardPass backwardPass;

  /** What the waves of a forward reuse: packed heads, and where parts are joined. */
  private record ForwardBuffers(KeyTile[][] packs, Joins joins) {}

  /**
   * Prepares a problem.
   *
   * @param problem a problem without refusals
   * @param plan its tiles of {@code TILE_M} by {@code TILE_N}
   * @param execution threads and executor
   */
  public CpuAttention(Problem problem, TilePlan plan, Execution execution) {
    this.problem = problem;
    this.execution = execution;
    this.splits = new KeySplits(problem);
    int tiles = splits.mostPackedTiles();
    int size = waveSize(problem, execution, KeyTile.bytes(problem, tiles, false));
    this.forwardWaves = ForwardWave.cut(problem, plan, splits, size);
    int joins = forwardWaves.stream().mapToInt(ForwardWave::joins).max().orElse(0);
    this.forwardBuffers =
        new Pool<>(() -> {
          KeyTile[][] packs = new KeyTile[Math.min(size, pairs(problem))][];
          Arrays.setAll(packs, p -> KeyTile.of(problem, tiles, false));
          return new ForwardBuffers(packs, new Joins(joins, problem.valueDim()));
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
  public int splitKeys(int b) {
    return splits.keysPerPart(b);
  }

  @Override
  public void forward(ForwardCall call) {
    // Not given back after a failure, which leaves parts begun.
    ForwardBuffers buffers = forwardBuffers.borrow();
    ForwardKernel kernel = new ForwardKernel(problem, call, buffers.packs(), buffers.joins());
    for (ForwardWave wave : forwardWaves) {
      Workers.run(execution, wave.packTasks(), task -> wave.pack(task, buffers.packs(), call));
      Workers.run(execution, wave.tasks(), task -> wave.run(task, kernel));
    }
    kernel.writeMaxLogits();
    forwardBuffers.giveBack(buffers);
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
      Arrays.setAll(wave, p -> from + p);
      waves.add(wave);
    }
    return waves;
  }
}
