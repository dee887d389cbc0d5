package io.github.attn4j.cpu;

import static jdk.incubator.vector.FloatVector.broadcast;

import io.github.attn4j.cpu.kernel.Lanes;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * What the machine can do at most, measured in this process: the yardstick of every speed claim.
 */
public final class MachinePeak {
  private static final VectorSpecies<Float> FLOATS =
      VectorSpecies.of(float.class, VectorShape.forBitSize(Lanes.bits()));
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

  /** Keeps the result alive. */
  @SuppressWarnings("UnusedVariable")
  private static volatile float sink;

  /** Twelve chains: enough to cover a latency of five cycles at two instructions per cycle. */
  private static double rate() {
    FloatVector x = broadcast(FLOATS, 0.5f);
    FloatVector y = broadcast(FLOATS, 1e-3f);
    FloatVector c0 = y;
    FloatVector c1 = y;
    FloatVector c2 = y;
    FloatVector c3 = y;
    FloatVector c4 = y;
    FloatVector c5 = y;
    FloatVector c6 = y;
    FloatVector c7 = y;
    FloatVector c8 = y;
    FloatVector c9 = y;
    FloatVector c10 = y;
    FloatVector c11 = y;
    long begin = System.nanoTime();
    for (int step = 0; step < STEPS; step++) {
      c0 = x.fma(y, c0);
      c1 = x.fma(y, c1);
      c2 = x.fma(y, c2);
      c3 = x.fma(y, c3);
      c4 = x.fma(y, c4);
      c5 = x.fma(y, c5);
      c6 = x.fma(y, c6);
      c7 = x.fma(y, c7);
      c8 = x.fma(y, c8);
      c9 = x.fma(y, c9);
      c10 = x.fma(y, c10);
      c11 = x.fma(y, c11);
    }
    long nanos = System.nanoTime() - begin;
    FloatVector sum = c0.add(c1).add(c2).add(c3).add(c4).add(c5);
    sum = sum.add(c6).add(c7).add(c8).add(c9).add(c10).add(c11);
    sink = sum.reduceLanes(VectorOperators.ADD);
    return 12.0 * 2 * FLOATS.length() * STEPS / nanos;
  }
}
