package io.github.attn4j;

/**
 * How a score comes from {@code q.k}.
 *
 * @param scale factor of {@code q.k}; any finite number
 * @param softcap {@code c > 0} maps a score {@code x} to {@code c * tanh(x / c)}; 0 leaves it
 * @param biasStage where a bias joins, if a call brings one
 */
public record ScoreOptions(double scale, double softcap, BiasStage biasStage) {
  /** What float32 can multiply by and divide by. */
  private static final double LARGEST = 1e30;

  /**
   * Refuses what is no number, or none that float32 can compute with.
   *
   * @throws RefusedException naming {@code scale} or {@code softcap}
   */
  public ScoreOptions {
    if (!(Math.abs(scale) <= LARGEST)) {
      throw RefusedException.value(
          "scale", "expected a number between -1e30 and 1e30, got " + scale);
    }
    if (softcap != 0 && !(softcap >= 1 / LARGEST && softcap <= LARGEST)) {
      throw RefusedException.value(
          "softcap", "expected 0 or a number between 1e-30 and 1e30, got " + softcap);
    }
  }

  /**
   * The usual scale, {@code 1 / sqrt(headDim)}, and nothing else.
   *
   * @param headDim columns of query and key
   * @return the options
   */
  public static ScoreOptions standard(int headDim) {
    return new ScoreOptions(1 / Math.sqrt(headDim), 0, BiasStage.AFTER_SCALE);
  }
}
