package io.github.attn4j.operators;

import io.github.attn4j.Alignment;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A mask as {@code flashmask_attention} takes it. Ready ones come from {@link FlashMaskPatterns}.
 *
 * @param name what it is called, such as {@code causal-document}
 * @param causal the operator's argument {@code causal}
 * @param startendRowIndices the operator's argument of that name, int32 (batch or 1, mask heads,
 *     seqlenK, C); null if {@code causal} says all
 */
public record FlashMaskPattern(String name, boolean causal, @Nullable Tensor startendRowIndices) {

  /**
   * Gives a call this mask; indices of batch 1 serve every entry of the call's batch.
   *
   * @param call the call
   * @return the call
   */
  public FlashmaskAttention applyTo(FlashmaskAttention call) {
    Tensor indices = startendRowIndices;
    if (indices != null && indices.dim(0) == 1) {
      indices = indices.expand(call.query.dim(0), indices.dim(1), indices.dim(2), indices.dim(3));
    }
    return call.causal(causal).startendRowIndices(indices);
  }

  /**
   * This mask for the core, the causal diagonal bottom-right.
   *
   * @return an equal mask
   */
  public Mask mask() {
    return mask(Alignment.BOTTOM_RIGHT);
  }

  /**
   * This mask for the core.
   *
   * @param alignment where the causal diagonal lies when query and key differ in length
   * @return an equal mask
   */
  public Mask mask(Alignment alignment) {
    Mask mask = causal ? Mask.causal(alignment) : Mask.full();
    return startendRowIndices == null
        ? mask
        : mask.and(FlashmaskTranslation.columns(startendRowIndices, causal));
  }

  /**
   * One mask per batch entry.
   *
   * @param patterns for each batch entry its mask, all with equal {@code causal} and equal shapes
   * @return the first one's name, and all their indices along the batch
   * @throws RefusedException if they do not fit together
   */
  public static FlashMaskPattern batch(List<FlashMaskPattern> patterns) {
    return join(patterns, 0);
  }

  /**
   * One mask per head.
   *
   * @param patterns for each head its mask, all with equal {@code causal} and equal shapes
   * @return the first one's name, and all their indices along the heads
   * @throws RefusedException if they do not fit together
   */
  public static FlashMaskPattern heads(List<FlashMaskPattern> patterns) {
    return join(patterns, 1);
  }

  private static FlashMaskPattern join(List<FlashMaskPattern> patterns, int dimension) {
    if (patterns.isEmpty()) {
      throw RefusedException.value("patterns", "expected at least one, got none");
    }
    FlashMaskPattern first = patterns.getFirst();
    if (first.startendRowIndices == null) {
      throw misfit(first, first);
    }
    long[] shape = first.startendRowIndices.shape();
    long step = shape[dimension];
    shape[dimension] = step * patterns.size();
    Tensor joined = Tensor.zeros(first.startendRowIndices.dtype(), shape);
    for (int p = 0; p < patterns.size(); p++) {
      Tensor part = patterns.get(p).startendRowIndices;
      if (part == null
          || patterns.get(p).causal != first.causal
          || !Arrays.equals(part.shape(), first.startendRowIndices.shape())) {
        throw misfit(first, patterns.get(p));
      }
      joined.slice(dimension, p * step, (p + 1) * step).assign(part);
    }
    return new FlashMaskPattern(first.name, first.causal, joined);
  }

  private static RefusedException misfit(FlashMaskPattern first, FlashMaskPattern other) {
    return RefusedException.value(
        "patterns",
        "expected indices of equal shape and causal, got %s and %s".formatted(first, other));
  }
}
