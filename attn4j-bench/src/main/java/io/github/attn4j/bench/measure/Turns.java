package io.github.attn4j.bench.measure;

import io.github.attn4j.bench.peer.Call;
import java.util.Arrays;
import java.util.List;

/**
 * Calls that are measured in turn, round by round, so that what a machine does over minutes meets
 * all of them alike.
 *
 * @param warmSeconds how long each call runs before the first round, at least
 * @param roundSeconds how long the rounds go on, at least
 */
public record Turns(double warmSeconds, double roundSeconds) {
  /** A run that is not this much faster than the best before it counts as settled. */
  private static final double SETTLED = 0.98;

  private static final int SETTLED_BATCHES = 3;

  /** Times {@link #warmSeconds}: the end of patience with a machine that never settles. */
  private static final int PATIENCE = 4;

  private static final int LEAST_ROUNDS = 3;
  private static final int MOST_ROUNDS = 101;

  /** Short calls repeat for so long within a turn, and start with their data in the caches. */
  private static final double TURN_SECONDS = 0.05;

  private static final int MOST_RUNS = 100_000;

  /** Between turns: the threads of the one before stop spinning. */
  private static final int PAUSE_MILLIS = 20;

  /**
   * The medians.
   *
   * @param seconds of one run, per call
   * @param rounds how many turns each call had
   */
  public record Medians(double[] seconds, int rounds) {}

  /**
   * Warms a call up until its times settle.
   *
   * @return seconds of one run, a first estimate
   */
  double warm(Call call) {
    double best = Double.POSITIVE_INFINITY;
    double total = 0;
    int settled = 0;
    int runs = 1;
    while (total < warmSeconds || (settled < SETTLED_BATCHES && total < PATIENCE * warmSeconds)) {
      double seconds = call.seconds(runs);
      total += seconds * runs;
      settled = seconds < SETTLED * best ? 0 : settled + 1;
      best = Math.min(best, seconds);
      runs = runs(seconds);
    }
    return best;
  }

  private static int runs(double seconds) {
    return (int) Math.clamp(TURN_SECONDS / seconds, 1, MOST_RUNS);
  }

  /**
   * Measures calls that are warm.
   *
   * @param estimates what {@link #warm} returned for each
   */
  Medians measure(List<Call> calls, double[] estimates) {
    double[][] seconds = new double[calls.size()][MOST_ROUNDS];
    int rounds = 0;
    double total = 0;
    while (rounds < MOST_ROUNDS && (rounds < LEAST_ROUNDS || total < roundSeconds)) {
      for (int n = 0; n < calls.size(); n++) {
        pause();
        int runs = runs(estimates[n]);
        seconds[n][rounds] = calls.get(n).seconds(runs);
        total += seconds[n][rounds] * runs;
      }
      rounds++;
    }
    double[] medians = new double[calls.size()];
    for (int n = 0; n < medians.length; n++) {
      medians[n] = median(Arrays.copyOf(seconds[n], rounds));
    }
    return new Medians(medians, rounds);
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return (values[(values.length - 1) / 2] + values[values.length / 2]) / 2;
  }

  private static void pause() {
    try {
      Thread.sleep(PAUSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
