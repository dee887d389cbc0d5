package io.github.attn4j;

/** Where a bias joins the scores. */
public enum BiasStage {
  /** {@code scale * (q.k + bias)}, then softcap. */
  BEFORE_SCALE,
  /** {@code scale * q.k + bias}, then softcap. */
  AFTER_SCALE,
  /** {@code softcap(scale * q.k) + bias}. */
  AFTER_SOFTCAP
}
