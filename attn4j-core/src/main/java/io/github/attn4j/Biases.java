package io.github.attn4j;

/** What all kinds of bias refuse. */
final class Biases {
  private Biases() {}

  static void checkFloating(Tensor parameter) {
    if (!parameter.dtype().isFloating()) {
      throw RefusedException.type("bias", "expected a floating dtype, got " + parameter);
    }
  }
}
