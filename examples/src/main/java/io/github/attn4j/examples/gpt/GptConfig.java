package io.github.attn4j.examples.gpt;

/**
 * The shape of a model. Its tokens are bytes; byte 0 begins and ends a document.
 *
 * @param context the longest piece of a document that is trained on, in tokens
 * @param layers how often attention and feed-forward alternate
 * @param heads divides width
 * @param width columns of the residual stream, a multiple of 16
 * @param dropout share of attention probabilities, and of what a branch adds to the residual
 *     stream, that training drops
 */
record GptConfig(int context, int layers, int heads, int width, double dropout) {
  static final int VOCABULARY = 256;

  GptConfig {
    if (heads < 1 || width < 1 || width % 16 != 0 || width % (2 * heads) != 0) {
      throw new IllegalArgumentException(
          "width: expected a multiple of 16 and of 2 x heads, got %d with %d heads"
              .formatted(width, heads));
    }
  }

  int headDim() {
    return width / heads;
  }
}
