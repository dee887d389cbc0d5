package io.github.attn4j;

/**
 * How a score comes from {@code q.k}.
 *
 * @param scale factor of {@code q.k}; any finite number
 * @param softcap {@code c > 0} maps a score {@code x} to {@code c * tanh(x / c)}; 0 leaves it
 * @param biasStage where a bias joins, if a call brings one
 */
public record ScoreOptions(double scale, double softcap, BiasStage biasStage) {
  /**
   * Refuses what is no number.
   *
   * @throws RefusedException naming {@code scale} or {@code softcap}
   */
  public ScoreOptions {
    if (!Double.isFinite(scale)) {
      throw RefusedException.value("scale", "expected a finite number, got " + scale);
    }
    if (!(softcap >= 0) || Double.isInfinite(softcap)) {
      throw RefusedException.value("softcap", "expected a finite number >= 0, got " + softcap);
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
