package io.github.attn4j.bench.measure;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** How fast the machine reads memory in order: the yardstick of decoding. */
final class ReadPeak {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

  /** Of all threads together; larger than the caches of most processors. */
  private static final int COUNT = 1 << 26;

  private static final int ROUNDS = 5;

  /** Keeps the sums alive. */
  @SuppressWarnings("UnusedVariable")
  private static volatile float sink;

  private ReadPeak() {}

  /**
   * The rate at which so many threads read memory of their own.
   *
   * @return 10^9 bytes per second of all of them together, the best of several rounds
   */
  static double gigabytes(int threads) {
    float[][] parts = new float[threads][COUNT / threads];
    // Pages that nobody has written to may all be one and the same.
    Arrays.stream(parts).forEach(part -> Arrays.fill(part, 1));
    double best = 0;
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      List<Callable<Float>> readers = new ArrayList<>();
      Arrays.stream(parts).forEach(part -> readers.add(() -> sum(part)));
      for (int round = 0; round < ROUNDS; round++) {
        long begin = System.nanoTime();
        for (var sum : pool.invokeAll(readers)) {
          sink = sum.get();
        }
        best = Math.max(best, (double) Float.BYTES * COUNT / (System.nanoTime() - begin));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
    return best;
  }

  /** Four chains: enough for loads, not additions, to be what is waited for. */
  private static float sum(float[] part) {
    FloatVector a = FloatVector.zero(FLOATS);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    int lanes = FLOATS.length();
    for (int n = 0; n <= part.length - 4 * lanes; n += 4 * lanes) {
      a = a.add(FloatVector.fromArray(FLOATS, part, n));
      b = b.add(FloatVector.fromArray(FLOATS, part, n + lanes));
      c = c.add(FloatVector.fromArray(FLOATS, part, n + 2 * lanes));
      d = d.add(FloatVector.fromArray(FLOATS, part, n + 3 * lanes));
    }
    return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
  }
}
