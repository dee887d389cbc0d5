package io.github.attn4j.examples.gpt;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How to train.
 *
 * @param steps changes of the weights
 * @param rows tokens of a step
 * @param rate of learning at its highest
 * @param seed of weights, order and dropout
 * @param limit after which the training ends before all steps are done, or null; the rate falls
 *     accordingly, and the result then depends on the machine
 */
record Training(int steps, int rows, double rate, long seed, @Nullable Duration limit) {
  private static final double WARM_UP = 0.05;

  /** The share of the training that is done. */
  double progress(int step, long nanos) {
    double done = (double) step / steps;
    Duration most = limit;
    return most == null ? done : Math.max(done, (double) nanos / most.toNanos());
  }

  /** Up in a line, down along a cosine. */
  double rate(double progress) {
    if (progress < WARM_UP) {
      return rate * (progress / WARM_UP + 0.01);
    }
    double fall = (progress - WARM_UP) / (1 - WARM_UP);
    return rate * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, fall)));
  }
}
