package io.github.attn4j.examples.minilm;

/** The model, in whatever runs it. */
interface Encoder {
  /**
   * The last hidden states.
   *
   * @param batch texts of at most {@link MiniLm#POSITIONS} tokens
   * @return tokens of the batch, in its order, by {@link MiniLm#HIDDEN}
   */
  float[] encode(Batch batch);
}
