package io.github.attn4j;

/** Up to which step {@link AttentionPlan#scores} computes. */
public enum ScoreStage {
  /** {@code scale * q.k}, for visible and masked elements alike. */
  SCALED,
  /** After the softcap, and a bias that joins before it; for visible and masked elements alike. */
  CAPPED,
  /** With every bias; negative infinity where masked. */
  MASKED,
  /** What the softmax makes of them, before dropout; 0 where masked. */
  PROBABILITIES
}
