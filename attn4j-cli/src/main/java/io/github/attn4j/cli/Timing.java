package io.github.attn4j.cli;

import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;

/**
 * How long something takes once it is warm.
 *
 * @param seconds the median
 * @param runs how many were measured
 */
record Timing(double seconds, int runs) {
  /** Runs whose best must not beat the best before them for the times to count as settled. */
  private static final int SETTLED_RUNS = 3;

  private static final double SETTLED = 0.98;
  private static final int MIN_RUNS = 5;
  private static final int MAX_RUNS = 2000;

  /**
   * Warms up until the times settle and the JIT has nothing more to say, then measures.
   *
   * @param work what to time
   * @param atLeast seconds of warming up, and again of measuring; a few runs are made in any case
   */
  static Timing of(Runnable work, double atLeast) {
    warmUp(work, atLeast);
    double[] seconds = new double[MAX_RUNS];
    int runs = 0;
    double total = 0;
    while (runs < MAX_RUNS && (runs < MIN_RUNS || total < atLeast)) {
      seconds[runs] = once(work);
      total += seconds[runs++];
    }
    double[] sorted = Arrays.copyOf(seconds, runs);
    Arrays.sort(sorted);
    return new Timing((sorted[(runs - 1) / 2] + sorted[runs / 2]) / 2, runs);
  }

  private static void warmUp(Runnable work, double atLeast) {
    double best = Double.POSITIVE_INFINITY;
    double total = 0;
    double quiet = 0;
    int sinceBest = 0;
    long compiled = compiled();
    // The end of patience is for machines that never settle.
    while ((sinceBest < SETTLED_RUNS || quiet < atLeast / 2 || total < atLeast)
        && total < 10 * atLeast) {
      double seconds = once(work);
      total += seconds;
      long now = compiled();
      boolean compiling = now != compiled;
      compiled = now;
      quiet = compiling ? 0 : quiet + seconds;
      sinceBest = compiling || seconds < SETTLED * best ? 0 : sinceBest + 1;
      best = Math.min(best, seconds);
    }
  }

  /** Runs something, at least once, for so many seconds. */
  static void repeat(Runnable work, double seconds) {
    double total = 0;
    do {
      total += once(work);
    } while (total < seconds);
  }

  /** Milliseconds the JIT has compiled for; grows whenever it finishes something. */
  private static long compiled() {
    CompilationMXBean compiler = ManagementFactory.getCompilationMXBean();
    return compiler == null || !compiler.isCompilationTimeMonitoringSupported()
        ? 0
        : compiler.getTotalCompilationTime();
  }

  private static double once(Runnable work) {
    long begin = System.nanoTime();
    work.run();
    return (System.nanoTime() - begin) * 1e-9;
  }
}
