package io.github.attn4j.cli.check;

import io.github.attn4j.BiasStage;
import io.github.attn4j.ScoreOptions;

/** What q.k goes through on its way to a score, and a gradient on its way back. */
record ScalarScore(ScoreOptions options, Arithmetic arithmetic) {
  double scaled(double dot) {
    return arithmetic.store(dot * options.scale());
  }

  /** After the softcap; a bias that joins behind it is not in yet. */
  double capped(double dot, double bias) {
    double x =
        switch (options.biasStage()) {
          case BEFORE_SCALE -> scaled(arithmetic.accumulator(dot + bias));
          case AFTER_SCALE -> arithmetic.store(scaled(dot) + bias);
          case AFTER_SOFTCAP -> scaled(dot);
        };
    double cap = options.softcap();
    return cap == 0 ? x : arithmetic.store(cap * tanh(x / cap));
  }

  private double tanh(double x) {
    return arithmetic.accumulator(Math.tanh(arithmetic.accumulator(x)));
  }

  double score(double dot, double bias) {
    double capped = capped(dot, bias);
    return options.biasStage() == BiasStage.AFTER_SOFTCAP
        ? arithmetic.store(capped + bias)
        : capped;
  }

  /** Derivative of the score by scale times q.k, which is that of the softcap. */
  double slope(double dot, double bias) {
    if (options.softcap() == 0) {
      return 1;
    }
    double t = capped(dot, bias) / options.softcap();
    return arithmetic.accumulator(1 - t * t);
  }

  /** Derivative of the score by the bias. */
  double biasSlope(double dot, double bias) {
    return switch (options.biasStage()) {
      case BEFORE_SCALE -> options.scale() * slope(dot, bias);
      case AFTER_SCALE -> slope(dot, bias);
      case AFTER_SOFTCAP -> 1;
    };
  }

  /** What one unit of rounding of the parts of a score may do to its exponential. */
  double unit(double qNorm, double kNorm, double bias) {
    double scale = Math.abs(options.scale());
    double added = Double.isFinite(bias) ? Math.abs(bias) : 0;
    return 1
        + scale * qNorm * kNorm
        + (options.biasStage() == BiasStage.BEFORE_SCALE ? scale * added : added);
  }
}
