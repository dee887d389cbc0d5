package io.github.attn4j.cpu;

import io.github.attn4j.cpu.kernel.Lanes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;

/**
 * What the machine can do at most, measured in this process: the yardstick of every speed claim.
 */
public final class MachinePeak {
  private static final int ROUNDS = 9;
  private static final int STEPS = 2_000_000;

  /** Of all threads together; larger than the last level of today's processors. */
  private static final long READ_BYTES = 1L << 28;

  private MachinePeak() {}

  /**
   * The rate of independent fused multiply-adds on registers, at the vector width the kernels use.
   *
   * @param threads how many threads measure at once
   * @return GFLOP/s of all of them together, two operations per lane and instruction; the best of
   *     several rounds
   */
  public static double fmaGflops(int threads) {
    return best(threads, Lanes::multiplyAdds);
  }

  /**
   * The rate of independent products of bfloat16 added to float32 on registers, where kernels make
   * such products; else {@link #fmaGflops}, since bfloat16 is widened then.
   *
   * @param threads how many threads measure at once
   * @return GFLOP/s of all of them together, two operations per product; the best of several rounds
   */
  public static double bf16Gflops(int threads) {
    return best(threads, Lanes::bfloat16MultiplyAdds);
  }

  /**
   * The width of the vectors that the kernels use.
   *
   * @return bits
   */
  public static int vectorBits() {
    return Lanes.bits();
  }

  /**
   * How fast threads read memory, each its own, in order, with loads as wide as the kernels use:
   * the yardstick of decoding, which reads every key once.
   *
   * @param threads how many threads read at once
   * @return 10^9 bytes per second of all of them together; the best of several rounds
   */
  public static double readGigabytes(int threads) {
    double[][] rates = new double[threads][ROUNDS];
    CyclicBarrier barrier = new CyclicBarrier(threads);
    Thread[] readers = new Thread[threads];
    for (int t = 0; t < threads; t++) {
      double[] own = rates[t];
      readers[t] =
          Thread.ofPlatform().daemon().start(() -> read(READ_BYTES / threads, barrier, own));
    }
    join(readers);
    return IntStream.range(0, ROUNDS)
        .mapToDouble(round -> Arrays.stream(rates).mapToDouble(own -> own[round]).sum())
        .max()
        .orElse(0);
  }

  private static void read(long bytes, CyclicBarrier barrier, double[] rates) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(bytes, 64);
      // Pages nobody has written are all the same one.
      memory.fill((byte) 1);
      for (int round = 0; round < rates.length; round++) {
        barrier.await();
        long begin = System.nanoTime();
        Lanes.read(memory);
        rates[round] = (double) bytes / (System.nanoTime() - begin);
      }
    } catch (InterruptedException | BrokenBarrierException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  private static double best(int threads, IntToLongFunction multiplyAdds) {
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
      best = Math.max(best, round(threads, multiplyAdds));
    }
    return best;
  }

  private static double round(int threads, IntToLongFunction multiplyAdds) {
    double[] rates = new double[threads];
    CountDownLatch start = new CountDownLatch(threads);
    Thread[] helpers = new Thread[threads];
    for (int t = 0; t < threads; t++) {
      int slot = t;
      helpers[t] =
          Thread.ofPlatform()
              .daemon()
              .start(() -> {
                start.countDown();
                try {
                  start.await();
                } catch (InterruptedException interrupted) {
                  Thread.currentThread().interrupt();
                }
                rates[slot] = rate(multiplyAdds);
              });
    }
    join(helpers);
    return Arrays.stream(rates).sum();
  }

  private static void join(Thread[] threads) {
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static double rate(IntToLongFunction multiplyAdds) {
    long begin = System.nanoTime();
    long count = multiplyAdds.applyAsLong(STEPS);
    return 2.0 * count / (System.nanoTime() - begin);
  }
}
