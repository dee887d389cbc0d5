package io.github.attn4j.operators;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.attn4j.Dropout;
import io.github.attn4j.ScoreStage;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;

/** The second result of Paddle's variable-length attentions, for looking at. */
final class FlashAttnSoftmax {
  /** What both lengths are rounded up to. */
  private static final int ROUNDING = 128;

  private FlashAttnSoftmax() {}

  static Tensor of(CoreCall core, Dropout dropout, int maxSeqlenQ, int maxSeqlenK) {
    Tensor probabilities = core.plan().scores(core.inputs(), ScoreStage.PROBABILITIES);
    Tensor kept = core.plan().dropoutMask(dropout);
    Sequences sequences = core.plan().spec().sequences();
    int heads = core.plan().spec().heads();
    Tensor softmax =
        Tensor.zeros(
            core.result().out().dtype(),
            sequences.count(),
            heads,
            roundedUp(maxSeqlenQ),
            roundedUp(maxSeqlenK));
    long bit = 0;
    for (int b = 0; b < sequences.count(); b++) {
      for (int h = 0; h < heads; h++) {
        for (int i = 0; i < sequences.lengthQ(b); i++) {
          for (int j = 0; j < sequences.lengthK(b); j++, bit++) {
            double p = probabilities.get(b, h, i, j);
            boolean keeps = (kept.segment().get(JAVA_BYTE, bit >>> 3) >>> (bit & 7) & 1) != 0;
            softmax.set(keeps ? p : -p, b, h, i, j);
          }
        }
      }
    }
    return softmax;
  }

  private static long roundedUp(int rows) {
    return Math.ceilDiv((long) rows, ROUNDING) * ROUNDING;
  }
}
