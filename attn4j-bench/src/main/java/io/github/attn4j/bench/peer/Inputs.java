package io.github.attn4j.bench.peer;

import java.util.SplittableRandom;

/**
 * The numbers every peer computes on: independent, of mean 0 and variance 1, the same for the same
 * work in every process. Rows of a head lie together: (batch, heads, rows, dim).
 *
 * @param query batch × heads × seqQ × dim
 * @param key batch × kvHeads × seqK × dim
 * @param value like the key
 * @param dout gradient of the output, like the query; empty unless the pass is backward
 */
public record Inputs(float[] query, float[] key, float[] value, float[] dout) {
  /** Half the width of a uniform distribution of variance 1. */
  private static final float UNIT = (float) Math.sqrt(3);

  /** Numbers for a piece of work. */
  public static Inputs of(Work work) {
    return new Inputs(
        uniform(1, work.queryElements()),
        uniform(2, work.keyElements()),
        uniform(3, work.keyElements()),
        uniform(4, work.pass() == Pass.BACKWARD ? work.queryElements() : 0));
  }

  private static float[] uniform(long seed, int count) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[count];
    for (int n = 0; n < count; n++) {
      values[n] = UNIT * (2 * (float) random.nextDouble() - 1);
    }
    return values;
  }
}
