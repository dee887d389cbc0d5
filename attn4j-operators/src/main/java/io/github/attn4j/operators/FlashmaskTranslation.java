package io.github.attn4j.operators;

import io.github.attn4j.Alignment;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.ColumnMask;
import io.github.attn4j.Dropout;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import io.github.attn4j.WindowMask;

/** What the checked arguments of {@code flashmask_attention} mean in the core's words. */
final class FlashmaskTranslation {
  /** Query rows and key columns of one element of the block mask. */
  static final int BLOCK = 128;

  private FlashmaskTranslation() {}

  static AttentionSpec spec(FlashmaskAttention call) {
    AttentionSpec.Builder spec =
        call.where(AttentionSpec.like(Layout.BSND, call.query, call.key, call.value))
            .mask(mask(call));
    if (call.softmaxScale != null) {
      spec.scale(call.softmaxScale);
    }
    return spec.build();
  }

  /** A query sees what all of the masks allow. */
  private static Mask mask(FlashmaskAttention call) {
    Mask mask = call.causal ? Mask.causal(call.causalAlignment) : Mask.full();
    if (call.startendRowIndices != null) {
      mask = mask.and(columns(call.startendRowIndices, call.causal));
    }
    if (call.windowSize != null) {
      int right = call.causal ? 0 : call.windowSize[1];
      mask = mask.and(new WindowMask(call.windowSize[0], right, Alignment.BOTTOM_RIGHT));
    }
    if (call.blockMask != null) {
      mask = mask.and(Mask.blocks(call.blockMask, BLOCK, BLOCK));
    }
    return mask;
  }

  /**
   * The last dimension of the indices decides; of two numbers the second changes its meaning with
   * {@code causal}.
   */
  static Mask columns(Tensor indices, boolean causal) {
    ColumnMask.Form form =
        switch ((int) indices.dim(3)) {
          case 1 -> ColumnMask.Form.START;
          case 2 -> causal ? ColumnMask.Form.START_END : ColumnMask.Form.LOWER_START_UPPER_END;
          default -> ColumnMask.Form.TWO_INTERVALS;
        };
    return Mask.columns(indices, form);
  }

  static AttentionInputs inputs(FlashmaskAttention call, long[] seedOffset) {
    boolean drops = call.training && call.dropout > 0;
    return AttentionInputs.of(call.query, call.key, call.value)
        .withSink(call.learnableSink)
        .withDropout(drops ? Dropout.of(call.dropout, seedOffset[0], seedOffset[1]) : null);
  }
}
