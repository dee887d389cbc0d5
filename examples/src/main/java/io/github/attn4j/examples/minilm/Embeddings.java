package io.github.attn4j.examples.minilm;

/** Sentence embeddings: the mean of a text's hidden states, of length one. */
final class Embeddings {
  private static final int HIDDEN = MiniLm.HIDDEN;

  private Embeddings() {}

  /**
   * Pools hidden states.
   *
   * @param hidden as an {@link Encoder} returns them for the batch
   * @return one embedding for each text
   */
  static float[][] of(Batch batch, float[] hidden) {
    float[][] embeddings = new float[batch.texts()][HIDDEN];
    for (int text = 0; text < batch.texts(); text++) {
      double[] sum = new double[HIDDEN];
      for (int token = batch.starts()[text]; token < batch.starts()[text + 1]; token++) {
        for (int n = 0; n < HIDDEN; n++) {
          sum[n] += hidden[token * HIDDEN + n];
        }
      }
      double squares = 0;
      for (double value : sum) {
        squares += value * value;
      }
      for (int n = 0; n < HIDDEN; n++) {
        embeddings[text][n] = (float) (sum[n] / Math.sqrt(squares));
      }
    }
    return embeddings;
  }

  /**
   * The cosine of the angle between two vectors in larger arrays.
   *
   * @param at where both begin
   */
  static double cosine(float[] left, float[] right, int at) {
    double product = 0;
    double leftSquares = 0;
    double rightSquares = 0;
    for (int n = at; n < at + HIDDEN; n++) {
      product += (double) left[n] * right[n];
      leftSquares += (double) left[n] * left[n];
      rightSquares += (double) right[n] * right[n];
    }
    return product / Math.sqrt(leftSquares * rightSquares);
  }
}
