package io.github.attn4j.cpu;

import io.github.attn4j.cpu.kernel.Lanes;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.function.IntToLongFunction;

/**
 * What the machine can do at most, measured in this process: the yardstick of every speed claim.
 */
public final class MachinePeak {
  private static final int ROUNDS = 9;
  private static final int STEPS = 2_000_000;

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
   * Reads native memory from its start to its end with loads as wide as the kernels use.
   *
   * @param memory any length
   */
  public static void read(MemorySegment memory) {
    Lanes.read(memory);
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
    for (Thread helper : helpers) {
      try {
        helper.join();
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    return Arrays.stream(rates).sum();
  }

  private static double rate(IntToLongFunction multiplyAdds) {
    long begin = System.nanoTime();
    long count = multiplyAdds.applyAsLong(STEPS);
    return 2.0 * count / (System.nanoTime() - begin);
  }
}
