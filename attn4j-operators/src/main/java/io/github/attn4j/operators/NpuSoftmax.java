package io.github.attn4j.operators;

import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.SoftmaxStats;
import io.github.attn4j.Tensor;
import java.util.Arrays;
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

  /** The way back: a stored result in the core's words, its lse from maximum and sum. */
  AttentionResult stored(Tensor out, Tensor softmaxMax, Tensor softmaxSum) {
    long extent = sizes.sequences().extentQ();
    long heads = sizes.heads();
    checkLanes("softmax_max", softmaxMax);
    checkLanes("softmax_sum", softmaxSum);
    long[] shape =
        sizes.ragged() ? new long[] {heads, extent} : new long[] {sizes.batch(), heads, extent};
    Tensor lse = Tensor.zeros(DType.FLOAT32, shape);
    Tensor rowMax = Tensor.zeros(DType.FLOAT32, shape);
    Tensor rowSum = Tensor.zeros(DType.FLOAT32, shape);
    Tensor maxima = softmaxMax.isContiguous() ? softmaxMax : softmaxMax.copy();
    Tensor sums = softmaxSum.isContiguous() ? softmaxSum : softmaxSum.copy();
    for (int b = 0; b < sizes.batch(); b++) {
      for (int h = 0; h < heads; h++) {
        Tensor max = target(maxima, b, h);
        Tensor sum = target(sums, b, h);
        for (long i = 0; i < sizes.lengthQ(b); i++) {
          boolean unseen = max.get(i, 0) == -Float.MAX_VALUE || sum.get(i, 0) == 0;
          double most = unseen ? Double.NEGATIVE_INFINITY : max.get(i, 0);
          double total = unseen ? 0 : sum.get(i, 0);
          rows(rowMax, b, h).set(most, i);
          rows(rowSum, b, h).set(total, i);
          rows(lse, b, h).set(most + Math.log(total), i);
        }
      }
    }
    return new AttentionResult(out, lse, null, new SoftmaxStats(rowMax, rowSum), sizes.layout());
  }

  private void checkLanes(String name, Tensor given) {
    if (given.dtype() != DType.FLOAT32) {
      throw RefusedException.type(name, "expected float32, got " + given);
    }
    long[] shape = shape();
    if (!given.hasShape(shape)) {
      throw RefusedException.value(
          name, "expected %s, got %s".formatted(Arrays.toString(shape), given));
    }
  }

  private long[] shape() {
    long extent = sizes.sequences().extentQ();
    return sizes.ragged()
        ? new long[] {extent, sizes.heads(), LANES}
        : new long[] {sizes.batch(), sizes.heads(), extent, LANES};
  }

  private Tensor lanes(SoftmaxStats stats, Tensor values, float unseen) {
    long heads = sizes.heads();
    Tensor lanes = Tensor.zeros(DType.FLOAT32, shape());
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
