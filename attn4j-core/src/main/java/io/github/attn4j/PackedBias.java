package io.github.attn4j;

/**
 * One number per score of ragged sequences, packed without padding: sequence after sequence, each
 * row-major (heads, seqlenQ or 1, seqlenK) with its own lengths.
 *
 * @param parameter floating, of rank 1
 * @param perKey whether all query rows of a sequence share one row of numbers
 */
public record PackedBias(Tensor parameter, boolean perKey) implements Bias {
  /**
   * Checks dtype and rank; the number of elements is checked by the call.
   *
   * @throws RefusedException naming {@code bias}
   */
  public PackedBias {
    Biases.checkFloating(parameter);
    if (parameter.rank() != 1) {
      throw RefusedException.value("bias", "expected a packed tensor of rank 1, got " + parameter);
    }
  }
}
