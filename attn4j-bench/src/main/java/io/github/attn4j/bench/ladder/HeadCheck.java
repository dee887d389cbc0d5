package io.github.attn4j.bench.ladder;

/** Some rows of one head of attention in float64. */
final class HeadCheck {
  /** Rows between those that are checked: enough to meet every lane of a panel. */
  private static final int STEP = 37;

  private HeadCheck() {}

  /** The largest difference of an output from a float64 computation. */
  static double error(float[] query, float[] key, float[] value, float[] out, int seq, int dim) {
    double worst = 0;
    double[] p = new double[seq];
    for (int q = 0; q < seq; q += STEP) {
      double sum = 0;
      for (int k = 0; k < seq; k++) {
        double score = 0;
        for (int d = 0; d < dim; d++) {
          score += (double) query[q * dim + d] * key[k * dim + d];
        }
        // The rungs' scores are of order one: no maximum has to be taken off.
        p[k] = Math.exp(score / Math.sqrt(dim));
        sum += p[k];
      }
      for (int d = 0; d < dim; d++) {
        double expected = 0;
        for (int k = 0; k < seq; k++) {
          expected += p[k] / sum * value[k * dim + d];
        }
        worst = Math.max(worst, Math.abs(expected - out[q * dim + d]));
      }
    }
    return worst;
  }
}
