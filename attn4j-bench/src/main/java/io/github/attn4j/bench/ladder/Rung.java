package io.github.attn4j.bench.ladder;

/** One attempt. */
public interface Rung {
  /** What it is called. */
  String name();

  /** What it changes against the rung below, and why. */
  String change();

  /** Operations of one run, 10^9. */
  double gflop();

  /** Computes once. */
  void run();

  /**
   * How far the last run's result is from a plain computation in float64.
   *
   * @return the largest absolute difference
   */
  double error();
}
