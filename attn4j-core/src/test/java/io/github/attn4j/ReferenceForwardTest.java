package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import java.util.Objects;
import org.junit.jupiter.api.Test;

/** The reference against numbers worked out by hand: two keys, one row, one feature at a time. */
final class ReferenceForwardTest {
  private static final double LN_3 = Math.log(3);

  /**
   * One row of q = 2 on keys (0, ln 3 / 2): scores 0 and ln 3 at scale 1, so probabilities 1/4 and
   * 3/4.
   */
  private static final AttentionInputs INPUTS =
      AttentionInputs.of(
          row(2), Tensor.of(new float[] {0, (float) (LN_3 / 2)}, 1, 1, 2, 1), row(8, 4));

  private static Tensor row(float... values) {
    return Tensor.of(values, 1, 1, values.length, 1);
  }

  private static AttentionSpec.Builder spec() {
    return AttentionSpec.builder()
        .padded(1, 1, 2)
        .heads(1, 1)
        .dims(1, 1)
        .scale(1)
        .maxLogit(true)
        .backend("reference");
  }

  private static void check(
      AttentionSpec.Builder spec, AttentionInputs inputs, double out, double lse) {
    AttentionResult result = Attention.plan(spec.build()).forward(inputs);
    assertThat(result.out().get(0, 0, 0, 0)).isCloseTo(out, offset(1e-6));
    assertThat(result.lse().get(0, 0, 0)).isCloseTo(lse, offset(1e-6));
  }

  private static AttentionInputs bias(double first, double second) {
    return INPUTS.withBias(Tensor.of(new float[] {(float) first, (float) second}, 1, 1, 1, 2));
  }

  @Test
  void softmaxOfTwoScores() {
    check(spec(), INPUTS, 5, Math.log(4));
    check(spec().scale(0), INPUTS, 6, Math.log(2));
    // Turned around: probabilities 3/4 and 1/4.
    check(spec().scale(-1), INPUTS, 7, Math.log(1 + 1 / 3.0));
    check(spec().scale(2), INPUTS, (8 + 9 * 4) / 10.0, Math.log(10));
    AttentionResult result = Attention.plan(spec().build()).forward(INPUTS);
    assertThat(Objects.requireNonNull(result.maxLogit()).get(0)).isCloseTo(LN_3, offset(1e-7));
  }

  /** What exporters add where a mask hides: a whole row of it shares out evenly. */
  @Test
  void scoresSoLowThatTheirLseSwallowsTheirNumber() {
    double low = -Float.MAX_VALUE;
    check(spec(), bias(low, low), 6, low);
    AttentionPlan plan = Attention.plan(spec().build());
    AttentionInputs inputs = bias(low, low);
    Tensor shares = plan.scores(inputs, ScoreStage.PROBABILITIES);
    assertThat(shares.toFloatArray()).containsExactly(0.5f, 0.5f);
    AttentionGradients gradients = plan.backward(inputs, plan.forward(inputs), row(3));
    assertThat(gradients.value().toFloatArray()).containsExactly(1.5f, 1.5f);
    // A sink as low takes the same share.
    AttentionInputs sunk = inputs.withSink(Tensor.of(new float[] {(float) low}, 1));
    assertThat(plan.forward(sunk).out().get(0, 0, 0, 0)).isCloseTo(4, offset(1e-6));
  }

  @Test
  void biasJoinsAtItsStage() {
    check(spec(), bias(LN_3, 0), 6, Math.log(6));
    check(spec().scale(2).biasStage(BiasStage.BEFORE_SCALE), bias(LN_3, 0), 6, Math.log(18));
    check(spec().scale(2).biasStage(BiasStage.AFTER_SCALE), bias(2 * LN_3, 0), 6, Math.log(18));
    // Softcap 1 bends ln 3 to tanh(ln 3) = (9 - 1) / (9 + 1) = 0.8.
    check(spec().softcap(1).biasStage(BiasStage.AFTER_SOFTCAP), bias(0.8, 0), 6, 0.8 + Math.log(2));
    check(spec().softcap(1), bias(LN_3, 0), 6, 0.8 + Math.log(2));
  }

  @Test
  void sinksTakeTheirShare() {
    Tensor sink = Tensor.of(new float[] {(float) Math.log(4)}, 1);
    check(spec(), INPUTS.withSink(sink), 2.5, Math.log(8));
    check(
        spec(),
        INPUTS.withSink(Tensor.of(new float[] {Float.NEGATIVE_INFINITY}, 1)),
        5,
        Math.log(4));
  }

  @Test
  void masksSelect() {
    Tensor first = Tensor.of(new byte[] {1, 0}, DType.BOOL, 1, 1, 1, 2);
    check(spec().mask(Mask.dense(first)), INPUTS, 8, 0);
    Tensor none = Tensor.zeros(DType.BOOL, 1, 1, 1, 2);
    check(spec().mask(Mask.dense(none)), INPUTS, 0, Double.NEGATIVE_INFINITY);
    check(spec().mask(Mask.causal()), INPUTS, 5, Math.log(4));
    check(spec().mask(Mask.causal(Alignment.TOP_LEFT)), INPUTS, 8, 0);
  }

  /** Dropped probabilities vanish, kept ones grow, the lse stays. */
  @Test
  void dropoutFollowsTheCallersBits() {
    Tensor second = Tensor.of(new byte[] {2}, DType.INT8, 1);
    check(spec(), INPUTS.withDropout(Dropout.masked(0.5, second)), 6, Math.log(4));
    Tensor both = Tensor.of(new byte[] {3}, DType.INT8, 1);
    check(spec(), INPUTS.withDropout(Dropout.masked(0.5, both)), 10, Math.log(4));
  }

  /** Padding rows come out as zeros with an lse of negative infinity, over whatever was there. */
  @Test
  void paddingIsZero() {
    AttentionSpec spec =
        AttentionSpec.builder()
            .sequences(Sequences.padded(3, 2, new int[] {1, 3}, new int[] {2, 0}))
            .heads(1, 1)
            .dims(1, 1)
            .backend("reference")
            .build();
    Tensor query = Tensor.of(new float[] {1, Float.NaN, Float.NaN, 1, 1, 1}, 2, 1, 3, 1);
    Tensor key = Tensor.of(new float[] {1, 1, Float.NaN, Float.NaN}, 2, 1, 2, 1);
    Tensor out = Tensor.of(new float[] {9, 9, 9, 9, 9, 9}, 2, 1, 3, 1);
    Tensor lse = out.copy().reshape(2, 1, 3);
    Attention.plan(spec)
        .forward(
            AttentionInputs.of(query, key, key), new AttentionResult(out, lse, null, Layout.BNSD));
    assertThat(out.toFloatArray()).containsExactly(1, 0, 0, 0, 0, 0);
    float none = Float.NEGATIVE_INFINITY;
    assertThat(lse.toFloatArray())
        .containsExactly((float) (1 + Math.log(2)), none, none, none, none, none);
  }

  /** Left padding: a sequence lies anywhere in its entry; rows and keys around it play no part. */
  @Test
  void sequencesStartWhereTheySay() {
    int[] one = {1, 1};
    AttentionSpec spec =
        AttentionSpec.builder()
            .sequences(
                Sequences.padded(2, 3, new int[] {1, 0}, one, new int[] {1, 2}, new int[] {2, 1}))
            .heads(1, 1)
            .dims(1, 1)
            .scale(1)
            .mask(Mask.causal())
            .backend("reference")
            .build();
    Tensor query = Tensor.of(new float[] {Float.NaN, 1, 1, Float.NaN}, 2, 1, 2, 1);
    Tensor key = Tensor.of(new float[] {Float.NaN, 0, (float) LN_3, 7, Float.NaN, 5}, 2, 1, 3, 1);
    Tensor value = Tensor.of(new float[] {Float.NaN, 8, 4, Float.NaN, 7, 6}, 2, 1, 3, 1);
    AttentionResult result = Attention.plan(spec).forward(AttentionInputs.of(query, key, value));
    float none = Float.NEGATIVE_INFINITY;
    assertThat(result.out().toFloatArray()).containsExactly(0, 5, 6, 0);
    assertThat(result.lse().toFloatArray()).containsExactly(none, (float) Math.log(4), 5, none);
  }

  /** Query head h reads key/value head h / group. */
  @Test
  void groupsShareTheirHead() {
    Tensor query = Tensor.of(new float[] {1, 1, 1, 1}, 1, 4, 1, 1);
    Tensor key = Tensor.of(new float[] {1, 1}, 1, 2, 1, 1);
    Tensor value = Tensor.of(new float[] {10, 20}, 1, 2, 1, 1);
    AttentionSpec spec =
        AttentionSpec.like(Layout.BNSD, query, key, value).backend("reference").build();
    AttentionResult result = Attention.plan(spec).forward(AttentionInputs.of(query, key, value));
    assertThat(result.out().toFloatArray()).containsExactly(10, 10, 20, 20);
  }
}
