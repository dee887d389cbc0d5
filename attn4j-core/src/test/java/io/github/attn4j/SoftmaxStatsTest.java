package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import java.util.Objects;
import org.junit.jupiter.api.Test;

/** rowMax and rowSum by hand, merged, and where nothing is seen. */
final class SoftmaxStatsTest {
  private static final float NONE = Float.NEGATIVE_INFINITY;

  /** One query of 1 over keys that are the scores themselves. */
  private static AttentionResult over(float[] scores, AttentionSpec.Builder spec, float... sink) {
    Tensor query = Tensor.of(new float[] {1}, 1, 1, 1, 1);
    Tensor key = Tensor.of(scores, 1, 1, scores.length, 1);
    AttentionInputs inputs = AttentionInputs.of(query, key, key);
    return Attention.plan(spec.padded(1, 1, scores.length).build())
        .forward(sink.length == 0 ? inputs : inputs.withSink(Tensor.of(sink, 1)));
  }

  private static AttentionSpec.Builder spec() {
    return AttentionSpec.builder()
        .heads(1, 1)
        .dims(1, 1)
        .scale(1)
        .softmaxStats(true)
        .backend("reference");
  }

  private static void check(AttentionResult result, double rowMax, double rowSum) {
    SoftmaxStats stats = Objects.requireNonNull(result.stats());
    assertThat(stats.rowMax().shape()).containsExactly(result.lse().shape());
    assertThat(stats.rowMax().get(0, 0, 0)).isEqualTo((float) rowMax);
    assertThat(stats.rowSum().get(0, 0, 0)).isCloseTo(rowSum, offset(1e-6));
    assertThat(result.lse().get(0, 0, 0)).isCloseTo(rowMax + Math.log(rowSum), offset(1e-6));
  }

  @Test
  void theLargestScoreAndTheSumBelowIt() {
    float ln2 = (float) Math.log(2);
    check(over(new float[] {5, 5 - ln2, 5 - 2 * ln2}, spec()), 5, 1.75);
    check(over(new float[] {-300}, spec()), -300, 1);
    assertThat(over(new float[] {1}, spec().softmaxStats(false)).stats()).isNull();
  }

  /** A sink is one more score. */
  @Test
  void sinksCount() {
    float ln2 = (float) Math.log(2);
    check(over(new float[] {5, 5 - ln2}, spec(), 5 - ln2), 5, 2);
    check(over(new float[] {5, 5}, spec(), 5 + ln2), 5 + ln2, 2);
    check(over(new float[] {5}, spec(), NONE), 5, 1);
    AttentionSpec.Builder blind = spec().mask(Mask.dense(Tensor.zeros(DType.BOOL, 1, 1, 1, 1)));
    check(over(new float[] {5}, blind, 3), 3, 1);
  }

  @Test
  void dropoutLeavesThemAlone() {
    Tensor none = Tensor.of(new byte[] {0}, DType.INT8, 1);
    Tensor query = Tensor.of(new float[] {1}, 1, 1, 1, 1);
    Tensor key = Tensor.of(new float[] {2, 2}, 1, 1, 2, 1);
    AttentionInputs inputs =
        AttentionInputs.of(query, key, key).withDropout(Dropout.masked(0.5, none));
    check(Attention.plan(spec().padded(1, 1, 2).build()).forward(inputs), 2, 2);
  }

  /** A row that sees nothing, and rows that belong to no sequence, over whatever was there. */
  @Test
  void emptyRowsAndPadding() {
    AttentionSpec spec =
        spec()
            .layout(Layout.TND)
            .sequences(
                Sequences.ragged(
                    4, 3, new long[] {1, 2}, new int[] {1, 1}, new long[] {0, 3}, new int[] {2, 0}))
            .build();
    Tensor query = Tensor.of(new float[] {9, 1, 1, 9}, 4, 1, 1);
    Tensor key = Tensor.of(new float[] {1, 1, 7}, 3, 1, 1);
    Tensor garbage = Tensor.of(new float[] {6, 6, 6, 6}, 1, 4);
    AttentionResult result =
        new AttentionResult(
            garbage.copy().reshape(4, 1, 1),
            garbage.copy(),
            null,
            new SoftmaxStats(garbage.copy(), garbage.copy()),
            Layout.TND);
    Attention.plan(spec).forward(AttentionInputs.of(query, key, key), result);
    SoftmaxStats stats = Objects.requireNonNull(result.stats());
    assertThat(stats.rowMax().toFloatArray()).containsExactly(NONE, 1, NONE, NONE);
    assertThat(stats.rowSum().toFloatArray()).containsExactly(0, 2, 0, 0);
    assertThat(result.lse().toFloatArray())
        .containsExactly(NONE, (float) (1 + Math.log(2)), NONE, NONE);
    assertThat(result.out().toFloatArray()).containsExactly(0, 1, 0, 0);
  }

  @Test
  void mergedStatsAreThoseOfAllKeys() {
    float ln2 = (float) Math.log(2);
    AttentionResult low = over(new float[] {1, 1}, spec());
    AttentionResult high = over(new float[] {1 + ln2}, spec());
    check(low.merge(high), 1 + ln2, 2);
    check(high.merge(low), 1 + ln2, 2);
    AttentionSpec.Builder blind = spec().mask(Mask.dense(Tensor.zeros(DType.BOOL, 1, 1, 1, 1)));
    AttentionResult empty = over(new float[] {50}, blind);
    check(empty.merge(low), 1, 2);
    check(low.merge(empty), 1, 2);
    SoftmaxStats nothing = Objects.requireNonNull(empty.merge(empty).stats());
    assertThat(nothing.rowMax().get(0, 0, 0)).isEqualTo(NONE);
    assertThat(nothing.rowSum().get(0, 0, 0)).isZero();
    assertThat(low.merge(over(new float[] {1}, spec().softmaxStats(false))).stats()).isNull();
  }

  @Test
  void statsTensorsThatDoNotFitAreRefused() {
    Tensor one = Tensor.of(new float[] {1}, 1, 1, 1, 1);
    AttentionInputs inputs = AttentionInputs.of(one, one, one);
    AttentionPlan plan = Attention.plan(spec().padded(1, 1, 1).build());
    Tensor out = one.copy();
    Tensor lse = one.copy().reshape(1, 1, 1);
    assertThatThrownBy(() -> plan.forward(inputs, new AttentionResult(out, lse, null, Layout.BNSD)))
        .isInstanceOf(RefusedException.class)
        .hasMessage("result: expected stats tensors, got none");
    SoftmaxStats flat = new SoftmaxStats(lse, lse.reshape(1, 1));
    assertThatThrownBy(
            () -> plan.forward(inputs, new AttentionResult(out, lse, null, flat, Layout.BNSD)))
        .hasMessageContaining("rowSum: expected shape [1, 1, 1], got FLOAT32[1, 1]");
    SoftmaxStats half = new SoftmaxStats(lse.to(DType.FLOAT16), lse);
    assertThatThrownBy(
            () -> plan.forward(inputs, new AttentionResult(out, lse, null, half, Layout.BNSD)))
        .hasMessageContaining("rowMax: expected dtype FLOAT32, got FLOAT16[1, 1, 1]");
  }
}
