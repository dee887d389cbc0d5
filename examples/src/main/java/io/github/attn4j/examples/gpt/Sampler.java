package io.github.attn4j.examples.gpt;

import java.util.random.RandomGenerator;

/** Draws tokens at random by their probabilities. */
final class Sampler {
  private final double temperature;
  private final RandomGenerator random;

  /**
   * @param temperature below 1 prefers what is likely
   * @param random where luck comes from
   */
  Sampler(double temperature, RandomGenerator random) {
    this.temperature = temperature;
    this.random = random;
  }

  /** Draws from one row of logits (rows, vocabulary). */
  int next(float[] logits, int row) {
    int at = row * GptConfig.VOCABULARY;
    double max = Lanes.max(logits, at, GptConfig.VOCABULARY);
    double[] upTo = new double[GptConfig.VOCABULARY];
    double sum = 0;
    for (int token = 0; token < upTo.length; token++) {
      sum += Math.exp((logits[at + token] - max) / temperature);
      upTo[token] = sum;
    }
    double drawn = random.nextDouble() * sum;
    int token = 0;
    while (upTo[token] <= drawn) {
      token++;
    }
    return token;
  }
}
