package io.github.attn4j.internal;

import io.github.attn4j.DType;
import io.github.attn4j.Extent;
import io.github.attn4j.ScoreStage;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;

/** Scores and probabilities written out, for those who want to look at them. */
public final class ScoreMatrix {
  private ScoreMatrix() {}

  /** Float32 (sequence, head, row, key); zeros behind the ends of shorter sequences. */
  public static Tensor of(Problem problem, ForwardCall call, ScoreStage stage) {
    Extent widest = problem.widest();
    Tensor scores =
        Tensor.zeros(
            DType.FLOAT32,
            problem.sequences().count(),
            problem.heads(),
            widest.seqlenQ(),
            widest.seqlenK());
    new ReferenceAttention(problem, call).scores(stage, scores);
    return scores;
  }
}
