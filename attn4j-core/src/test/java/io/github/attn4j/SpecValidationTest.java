package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Each refused spec, one by one: argument, kind and message. */
final class SpecValidationTest {
  private static AttentionSpec.Builder good() {
    return AttentionSpec.builder().padded(2, 4, 6).heads(4, 2).dims(8, 8).backend("reference");
  }

  private static void refused(UnaryOperator<AttentionSpec.Builder> change, String message) {
    assertThatThrownBy(() -> Attention.plan(change.apply(good()).build()))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining(message);
  }

  @Test
  void aGoodSpecMakesAPlan() {
    AttentionPlan plan = Attention.plan(good().mask(Mask.causal()).build());
    assertThat(plan.backend()).isEqualTo("reference");
    assertThat(plan.spec().score().scale()).isEqualTo(1 / Math.sqrt(8));
    assertThat(plan.spec().outDtype()).isEqualTo(DType.FLOAT32);
    assertThat(plan.toString()).startsWith("AttentionPlan on reference, TilePlan 128x128");
    assertThat(plan.tiles().shape()).hasToString("128x128");
  }

  @Test
  void sizesAreChecked() {
    refused(b -> b.heads(0, 1), "heads: expected at least 1, got 0");
    refused(b -> b.heads(2, 0), "kvHeads: expected at least 1, got 0");
    refused(b -> b.heads(4, 3), "heads: expected a multiple of kvHeads 3, got 4");
    refused(b -> b.dims(0, 8), "headDim: expected at least 1, got 0");
    refused(b -> b.dims(8, -1), "valueDim: expected at least 1, got -1");
    assertThatThrownBy(() -> AttentionSpec.builder().heads(1, 1).dims(8, 8).build())
        .hasMessage("sequences: expected lengths, got none");
  }

  @Test
  void dtypesAreChecked() {
    refused(b -> b.dtype(DType.INT8), "dtype: expected FLOAT32, FLOAT16 or BFLOAT16, got INT8");
    refused(b -> b.outDtype(DType.BOOL), "outDtype: expected FLOAT32");
  }

  @Test
  void layoutsMustFitTheSequences() {
    refused(b -> b.layout(Layout.TND), "layout: expected TND for ragged sequences");
    refused(
        b -> b.sequences(Sequences.ragged(new long[] {0, 4}, new long[] {0, 6})),
        "layout: expected TND for ragged sequences");
  }

  @Test
  void scoreOptionsAreChecked() {
    refused(b -> b.scale(Double.NaN), "scale: expected a number between -1e30 and 1e30, got NaN");
    refused(b -> b.scale(Double.NEGATIVE_INFINITY), "scale: expected a number");
    refused(b -> b.softcap(-1), "softcap: expected 0 or a number between 1e-30 and 1e30, got -1.0");
    refused(b -> b.softcap(Double.NaN), "softcap: expected");
    refused(b -> b.softcap(Double.POSITIVE_INFINITY), "softcap: expected");
    refused(b -> b.threads(-1), "threads: expected at least 0, got -1");
  }

  @Test
  void masksMustFitTheProblem() {
    refused(b -> b.mask(Mask.prefix(1, 2, 3)), "mask: expected 1 or 2 sequences, got a mask of 3");
    refused(
        b -> b.mask(Mask.dense(Tensor.zeros(DType.BOOL, 1, 3, 4, 6))),
        "mask: expected a number of heads that divides 4, got a mask of 3");
    refused(
        b -> b.mask(Mask.dense(Tensor.zeros(DType.BOOL, 1, 0, 4, 6))),
        "mask: expected a number of heads that divides 4, got a mask of 0");
    refused(
        b -> b.mask(Mask.dense(Tensor.zeros(DType.BOOL, 1, 1, 4, 5))),
        "mask: expected 4 query and 6 key rows (or 1), got BOOL[1, 1, 4, 5]");
    refused(
        b -> b.mask(Mask.columns(Tensor.zeros(DType.INT32, 1, 1, 4, 1), ColumnMask.Form.START)),
        "mask: expected indices of 6 keys, got INT32[1, 1, 4, 1]");
    refused(
        b ->
            b.mask(
                Mask.blocks(Tensor.zeros(DType.INT32, 1, 1, 2, 2), 2, 4)
                    .and(Mask.blocks(Tensor.zeros(DType.INT32, 1, 1, 2, 2), 2, 2))),
        "mask: expected 2 by 3 blocks of 2 by 2 for 4 query and 6 key rows");
    refused(
        b -> b.mask(Mask.documents(3, 2)),
        "mask: expected documents of at most 4 query and 6 key rows, got 5 and 5");
  }

  @Test
  void sizesAreReadOffTensors() {
    Tensor query = Tensor.zeros(DType.BFLOAT16, 2, 5, 4, 8);
    Tensor key = Tensor.zeros(DType.BFLOAT16, 2, 7, 2, 8);
    Tensor value = Tensor.zeros(DType.BFLOAT16, 2, 7, 2, 3);
    AttentionSpec spec = AttentionSpec.like(Layout.BSND, query, key, value).build();
    assertThat(spec.heads()).isEqualTo(4);
    assertThat(spec.kvHeads()).isEqualTo(2);
    assertThat(spec.valueDim()).isEqualTo(3);
    assertThat(spec.dtype()).isEqualTo(DType.BFLOAT16);
    assertThat(spec.sequences().lengthQ(1)).isEqualTo(5);
    assertThat(spec.sequences().lengthK(1)).isEqualTo(7);
    assertThatThrownBy(() -> AttentionSpec.like(Layout.BSH, query, key, value))
        .hasMessageContaining("layout: expected BNSD or BSND");
    assertThatThrownBy(() -> AttentionSpec.like(Layout.BNSD, query, key.select(0, 0), value))
        .hasMessageContaining("key: expected rank 4, got query BFLOAT16[2, 5, 4, 8], key");
    Tensor long4 = Tensor.of(new float[1], 1, 1, 1, 1).expand(1, 1, 1L << 31, 1);
    assertThatThrownBy(() -> AttentionSpec.like(Layout.BNSD, long4, long4, long4))
        .hasMessageContaining("shape: expected extents below 2^31");
  }
}
