package io.github.attn4j.operators;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.DenseMask;
import io.github.attn4j.Mask;
import io.github.attn4j.Quantization;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Some keys of a step in the core's words: those of the cache, or those of the shared prefix.
 *
 * @param shape sizes of the query
 * @param sequences which rows belong together
 * @param order which keys the rows' places let them see
 * @param hidden elements of attn_mask over these keys, one tensor for all sequences or one each;
 *     empty without a mask
 * @param inputs the tensors
 */
record IncrePart(
    IncreShape shape,
    Sequences sequences,
    Mask order,
    List<Tensor> hidden,
    AttentionInputs inputs) {
  private Mask elements(boolean visibleWhenSet) {
    if (hidden.isEmpty()) {
      return Mask.full();
    }
    List<Mask> masks =
        hidden.stream().<Mask>map(tensor -> new DenseMask(tensor, visibleWhenSet)).toList();
    return masks.size() == 1 ? masks.get(0) : Mask.perSequence(masks);
  }

  /** The step itself. Its output is rounded at the end, once. */
  AttentionSpec spec(IncreFlashAttention call) {
    return spec(call, sequences, order.and(elements(false)));
  }

  private AttentionSpec spec(IncreFlashAttention call, Sequences batch, Mask mask) {
    return call.where(AttentionSpec.builder())
        .layout(shape.layout())
        .sequences(batch)
        .heads(shape.heads(), shape.kvHeads())
        .dims(shape.headDim(), shape.headDim())
        .dtype(inputs.query().dtype())
        .kvDtype(inputs.key().dtype())
        .outDtype(DType.FLOAT32)
        .mask(mask)
        .scale(call.scaleValue)
        .build();
  }

  /**
   * For rows whose keys are all hidden: the document's operator gives hidden keys one and the same
   * score, so that they share such a row evenly. Other sequences are left out.
   */
  AttentionSpec evenSpec(IncreFlashAttention call, boolean[] wanted) {
    int count = sequences.count();
    boolean[] kept = new boolean[count];
    for (int b = 0; b < wanted.length; b++) {
      kept[Math.min(b, count - 1)] |= wanted[b];
    }
    int[] rows = new int[count];
    int[] starts = new int[count];
    int[] lengths = new int[count];
    for (int b = 0; b < count; b++) {
      rows[b] = sequences.lengthQ(b);
      starts[b] = (int) sequences.startK(b);
      lengths[b] = kept[b] ? sequences.lengthK(b) : 0;
    }
    Sequences batch =
        Sequences.padded(
            (int) sequences.extentQ(),
            (int) sequences.extentK(),
            new int[count],
            rows,
            starts,
            lengths);
    return spec(call, batch, order.and(elements(true)));
  }

  /** Scores of zero, whatever stands in query and key, and the values as they are. */
  AttentionInputs evenInputs() {
    AttentionInputs.Storage storage = inputs.storage();
    if (storage != null) {
      storage =
          new AttentionInputs.Storage(storage.blockTable(), zero(storage.key()), storage.value());
    }
    return AttentionInputs.of(zeros(inputs.query()), zeros(inputs.key()), inputs.value())
        .withStorage(storage);
  }

  private static @Nullable Quantization zero(@Nullable Quantization rule) {
    return rule == null
        ? null
        : new Quantization(rule.bits(), Tensor.zeros(DType.FLOAT32, 1, 1, 1, 1), null);
  }

  private static Tensor zeros(Tensor like) {
    long[] ones = new long[like.rank()];
    Arrays.fill(ones, 1);
    return Tensor.zeros(like.dtype(), ones).expand(like.shape());
  }
}
