package io.github.attn4j.examples.minilm;

/**
 * How near two encoders' results for the same texts are. NaN anywhere makes it NaN.
 *
 * @param error the largest difference of a number in the hidden states
 * @param cosine the smallest cosine between two hidden states of a token
 * @param embeddingError the largest difference of a number in the sentence embeddings
 * @param embeddingCosine the smallest cosine between two embeddings of a text
 */
record Agreement(double error, double cosine, double embeddingError, double embeddingCosine) {
  /** What two float32 implementations of six layers may differ by. */
  static final double LARGEST_ERROR = 2e-4;

  static final double SMALLEST_COSINE = 0.99999;

  /** Compares hidden states of one batch. */
  static Agreement of(Batch batch, float[] ours, float[] theirs) {
    double error = error(ours, theirs);
    double cosine = 1;
    for (int token = 0; token < batch.tokens(); token++) {
      cosine = Math.min(cosine, Embeddings.cosine(ours, theirs, token * MiniLm.HIDDEN));
    }
    float[][] ourEmbeddings = Embeddings.of(batch, ours);
    float[][] theirEmbeddings = Embeddings.of(batch, theirs);
    double embeddingError = 0;
    double embeddingCosine = 1;
    for (int t = 0; t < batch.texts(); t++) {
      embeddingError = Math.max(embeddingError, error(ourEmbeddings[t], theirEmbeddings[t]));
      embeddingCosine =
          Math.min(embeddingCosine, Embeddings.cosine(ourEmbeddings[t], theirEmbeddings[t], 0));
    }
    return new Agreement(error, cosine, embeddingError, embeddingCosine);
  }

  private static double error(float[] ours, float[] theirs) {
    double error = 0;
    for (int n = 0; n < ours.length; n++) {
      error = Math.max(error, Math.abs((double) ours[n] - theirs[n]));
    }
    return error;
  }

  /** Whether both computed the same; not so with NaN. */
  boolean holds() {
    return error <= LARGEST_ERROR
        && cosine >= SMALLEST_COSINE
        && embeddingError <= LARGEST_ERROR
        && embeddingCosine >= SMALLEST_COSINE;
  }
}
