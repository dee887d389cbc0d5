package io.github.attn4j.cli;

import java.util.Arrays;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;

/** How fast the machine reads memory: the yardstick of decoding, which reads every key once. */
final class MemoryPeak {
  /** Of all threads together; larger than the last level of today's processors. */
  private static final int LONGS = 1 << 25;

  private static final int ROUNDS = 5;

  /** Keeps the sums alive. */
  @SuppressWarnings("UnusedVariable")
  private static volatile long sink;

  private MemoryPeak() {}

  /**
   * The rate at which so many threads read memory of their own, in order.
   *
   * @return gigabytes per second of all of them together; the best of several rounds
   */
  static double readGigabytes(int threads) {
    double[] best = new double[ROUNDS];
    double[][] rates = new double[threads][ROUNDS];
    CyclicBarrier barrier = new CyclicBarrier(threads);
    Thread[] readers = new Thread[threads];
    for (int t = 0; t < threads; t++) {
      double[] own = rates[t];
      readers[t] = Thread.ofPlatform().daemon().start(() -> read(LONGS / threads, barrier, own));
    }
    for (Thread reader : readers) {
      try {
        reader.join();
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    Arrays.setAll(best, round -> Arrays.stream(rates).mapToDouble(own -> own[round]).sum());
    return Arrays.stream(best).max().orElse(0);
  }

  private static void read(int count, CyclicBarrier barrier, double[] rates) {
    long[] memory = new long[count];
    Arrays.setAll(memory, n -> n);
    for (int round = 0; round < rates.length; round++) {
      try {
        barrier.await();
      } catch (InterruptedException | BrokenBarrierException stopped) {
        Thread.currentThread().interrupt();
        return;
      }
      long begin = System.nanoTime();
      sink = sum(memory);
      rates[round] = 8.0 * count / (System.nanoTime() - begin);
    }
  }

  /** Four chains: enough for loads, not additions, to be what is waited for. */
  private static long sum(long[] memory) {
    long a = 0;
    long b = 0;
    long c = 0;
    long d = 0;
    for (int n = 0; n + 3 < memory.length; n += 4) {
      a += memory[n];
      b += memory[n + 1];
      c += memory[n + 2];
      d += memory[n + 3];
    }
    return a + b + c + d;
  }
}
