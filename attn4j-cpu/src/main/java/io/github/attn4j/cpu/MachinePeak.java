package io.github.attn4j.cpu;

import io.github.attn4j.cpu.kernel.Lanes;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;

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
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
      best = Math.max(best, round(threads));
    }
    return best;
  }

  private static double round(int threads) {
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
                rates[slot] = rate();
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

  private static double rate() {
    long begin = System.nanoTime();
    long count = Lanes.multiplyAdds(STEPS);
    return 2.0 * count / (System.nanoTime() - begin);
  }
}
