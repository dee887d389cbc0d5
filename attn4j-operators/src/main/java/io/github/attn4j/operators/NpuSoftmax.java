package io.github.attn4j.operators;

import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import io.github.attn4j.SoftmaxStats;
import io.github.attn4j.Tensor;
import java.util.Objects;

/**
 * The softmax's maxima and sums as {@code npu_fusion_attention} returns them: eight equal lanes per
 * row, finite numbers for rows that see nothing, its own order for TND.
 */
final class NpuSoftmax {
  private static final int LANES = 8;

  private final NpuSizes sizes;
  private final boolean tokensFirst;

  NpuSoftmax(NpuSizes sizes, String softmaxLayout) {
    this.sizes = sizes;
    this.tokensFirst = softmaxLayout.equals("TND");
  }

  Tensor max(AttentionResult result) {
    SoftmaxStats stats = Objects.requireNonNull(result.stats());
    return lanes(stats, stats.rowMax(), -Float.MAX_VALUE);
  }

  Tensor sum(AttentionResult result) {
    SoftmaxStats stats = Objects.requireNonNull(result.stats());
    return lanes(stats, stats.rowSum(), Float.MAX_VALUE);
  }

  private Tensor lanes(SoftmaxStats stats, Tensor values, float unseen) {
    long heads = sizes.heads();
    long extent = sizes.sequences().extentQ();
    Tensor lanes =
        sizes.ragged()
            ? Tensor.zeros(DType.FLOAT32, extent, heads, LANES)
            : Tensor.zeros(DType.FLOAT32, sizes.batch(), heads, extent, LANES);
    for (int b = 0; b < sizes.batch(); b++) {
      // Without keys there is no softmax: all zeros.
      if (sizes.lengthK(b) == 0) {
        continue;
      }
      for (int h = 0; h < heads; h++) {
        float[] row = rows(values, b, h).toFloatArray();
        float[] max = rows(stats.rowMax(), b, h).toFloatArray();
        for (int i = 0; i < row.length; i++) {
          if (max[i] == Float.NEGATIVE_INFINITY) {
            row[i] = unseen;
          }
        }
        Tensor target = target(lanes, b, h);
        target.assign(Tensor.of(row, row.length, 1).expand(row.length, LANES));
      }
    }
    return lanes;
  }

  /** The numbers of one head of one sequence. */
  private Tensor rows(Tensor stats, int b, int h) {
    if (!sizes.ragged()) {
      return stats.select(0, b).select(0, h);
    }
    long start = sizes.sequences().startQ(b);
    return stats.select(0, h).slice(0, start, start + sizes.lengthQ(b));
  }

  /** Where they go, (rows, lanes). */
  private Tensor target(Tensor lanes, int b, int h) {
    if (!sizes.ragged()) {
      return lanes.select(0, b).select(0, h);
    }
    long start = sizes.sequences().startQ(b);
    Tensor sequence = lanes.slice(0, start, start + sizes.lengthQ(b));
    return tokensFirst
        ? sequence.select(1, h)
        : sequence.reshape(sizes.heads(), sizes.lengthQ(b), LANES).select(0, h);
  }
}
