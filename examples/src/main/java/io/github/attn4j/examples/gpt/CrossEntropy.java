package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;
import jdk.incubator.vector.FloatVector;

/**
 * How surprising the tokens that followed were, in nats, and what the logits should do about it.
 */
final class CrossEntropy {
  private static final int VOCABULARY = GptConfig.VOCABULARY;

  private CrossEntropy() {}

  /**
   * The mean over all rows; its gradient takes the place of the logits.
   *
   * @param logits (rows, vocabulary), overwritten
   * @param targets the token that followed each row
   */
  static double mean(float[] logits, int[] targets, int rows, Workers workers) {
    double[] losses = new double[rows];
    Rows.forEach(
        workers,
        rows,
        (from, to) -> {
          for (int row = from; row < to; row++) {
            losses[row] = row(logits, row * VOCABULARY, targets[row], 1f / rows);
          }
        });
    double sum = 0;
    for (double loss : losses) {
      sum += loss;
    }
    return sum / rows;
  }

  private static double row(float[] logits, int at, int target, float share) {
    float max = Lanes.max(logits, at, VOCABULARY);
    float right = logits[at + target];
    for (int i = at; i < at + VOCABULARY; i += Lanes.LENGTH) {
      Lanes.exp(Lanes.load(logits, i).sub(max)).intoArray(logits, i);
    }
    float sum = Lanes.sum(logits, at, VOCABULARY);
    FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, share / sum);
    for (int i = at; i < at + VOCABULARY; i += Lanes.LENGTH) {
      Lanes.load(logits, i).mul(factor).intoArray(logits, i);
    }
    logits[at + target] -= share;
    return StrictMath.log(sum) + max - right;
  }
}
