package io.github.attn4j.cli;

import io.github.attn4j.cpu.MachinePeak;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;

/** How fast the machine reads memory: the yardstick of decoding, which reads every key once. */
final class MemoryPeak {
  /** Of all threads together; larger than the last level of today's processors. */
  private static final long BYTES = 1L << 28;

  private static final int ROUNDS = 5;

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
      readers[t] = Thread.ofPlatform().daemon().start(() -> read(BYTES / threads, barrier, own));
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

  private static void read(long bytes, CyclicBarrier barrier, double[] rates) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(bytes, 64);
      // Pages nobody has written are all the same one.
      memory.fill((byte) 1);
      for (int round = 0; round < rates.length; round++) {
        barrier.await();
        long begin = System.nanoTime();
        MachinePeak.read(memory);
        rates[round] = (double) bytes / (System.nanoTime() - begin);
      }
    } catch (InterruptedException | BrokenBarrierException stopped) {
      Thread.currentThread().interrupt();
    }
  }
}
