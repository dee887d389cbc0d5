package io.github.attn4j;

/**
 * One number per score.
 *
 * @param parameter floating (sequences or 1, heads or 1, rows or 1, keys or 1)
 */
public record DenseBias(Tensor parameter) implements Bias {
  /**
   * Checks dtype and rank; the extents are checked by the call.
   *
   * @throws RefusedException naming {@code bias}
   */
  public DenseBias {
    Biases.checkFloating(parameter);
    if (parameter.rank() != 4) {
      throw RefusedException.value(
          "bias", "expected (sequences, heads, rows, keys), each or 1, got " + parameter);
    }
  }
}
