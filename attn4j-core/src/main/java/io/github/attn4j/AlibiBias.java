package io.github.attn4j;

/**
 * ALiBi (arXiv 2108.12409): {@code -slope * curve(|j + shift - i - offset|)}, where offset is that
 * of the alignment.
 *
 * @param parameter the slopes, floating (heads) or (sequences, heads)
 * @param curve how the penalty grows
 * @param alignment where distance 0 lies when query and key differ in length
 * @param shift how far the places of the keys are ahead of their rows
 */
public record AlibiBias(Tensor parameter, Curve curve, Alignment alignment, long shift)
    implements Bias {
  /** How the penalty grows with the distance. */
  public enum Curve {
    /** By the distance itself. */
    LINEAR,
    /** By its square root. */
    SQRT
  }

  /**
   * Checks dtype and rank; the extents are checked by the call.
   *
   * @throws RefusedException naming {@code bias}
   */
  public AlibiBias {
    Biases.checkFloating(parameter);
    if (parameter.rank() != 1 && parameter.rank() != 2) {
      throw RefusedException.value(
          "bias", "expected slopes (heads) or (sequences, heads), got " + parameter);
    }
  }
}
