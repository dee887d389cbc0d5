package io.github.attn4j.examples.gpt;

/**
 * Pieces of documents behind each other in one row of tokens.
 *
 * @param tokens the model's input
 * @param targets the token that follows each
 * @param positions of each token in its piece
 * @param lengths of the pieces; their sum is the number of tokens
 */
record Batch(int[] tokens, int[] targets, int[] positions, int[] lengths) {
  int rows() {
    return tokens.length;
  }
}
