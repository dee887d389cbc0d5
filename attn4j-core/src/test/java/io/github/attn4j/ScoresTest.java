package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import org.junit.jupiter.api.Test;

/** The scores at each stage, by hand. */
final class ScoresTest {
  private static final float NONE = Float.NEGATIVE_INFINITY;
  private static final float LN_3 = (float) Math.log(3);

  /** Queries 1 and 2 over keys 0, ln 3 and 1. */
  private static final Tensor QUERY = Tensor.of(new float[] {1, 2}, 1, 1, 2, 1);

  private static final Tensor KEY = Tensor.of(new float[] {0, LN_3, 1}, 1, 1, 3, 1);

  private static AttentionSpec.Builder spec() {
    return AttentionSpec.builder()
        .padded(1, 2, 3)
        .heads(1, 1)
        .dims(1, 1)
        .scale(0.5)
        .mask(Mask.causal(Alignment.TOP_LEFT))
        .backend("reference");
  }

  private static void check(
      AttentionSpec.Builder spec, AttentionInputs inputs, ScoreStage stage, double... expected) {
    Tensor scores = Attention.plan(spec.build()).scores(inputs, stage);
    assertThat(scores.dtype()).isEqualTo(DType.FLOAT32);
    float[] got = scores.toFloatArray();
    assertThat(got).hasSize(expected.length);
    for (int at = 0; at < got.length; at++) {
      if (got[at] != expected[at]) {
        assertThat((double) got[at]).as("element %d", at).isCloseTo(expected[at], offset(1e-6));
      }
    }
  }

  private static double capped(double x) {
    return 2 * Math.tanh(x / 2);
  }

  @Test
  void everyStageAtWhichABiasMayJoin() {
    Tensor bias = Tensor.of(new float[] {8, 0, 0, 0, 4, 0}, 1, 1, 2, 3);
    AttentionInputs inputs = AttentionInputs.of(QUERY, KEY, KEY).withBias(bias);
    double[] scaled = {0, LN_3 / 2, 0.5, 0, LN_3, 1};
    for (BiasStage stage : BiasStage.values()) {
      double[] joined = scaled.clone();
      double[] last = {0, 0, 0, 0, 0, 0};
      double[] at = stage == BiasStage.AFTER_SOFTCAP ? last : joined;
      at[0] += stage == BiasStage.BEFORE_SCALE ? 4 : 8;
      at[4] += stage == BiasStage.BEFORE_SCALE ? 2 : 4;
      AttentionSpec.Builder spec = spec().softcap(2).biasStage(stage);
      check(spec, inputs, ScoreStage.SCALED, scaled);
      double[] caps = java.util.Arrays.stream(joined).map(ScoresTest::capped).toArray();
      check(spec, inputs, ScoreStage.CAPPED, caps);
      check(
          spec,
          inputs,
          ScoreStage.MASKED,
          caps[0] + last[0],
          NONE,
          NONE,
          caps[3] + last[3],
          caps[4] + last[4],
          NONE);
    }
  }

  /** 1 / 4 and 3 / 4; a sink takes its share, dropout comes later. */
  @Test
  void probabilities() {
    AttentionInputs inputs = AttentionInputs.of(QUERY, KEY, KEY);
    check(spec(), inputs, ScoreStage.PROBABILITIES, 1, 0, 0, 0.25, 0.75, 0);
    AttentionInputs sunk = inputs.withSink(Tensor.of(new float[] {(float) Math.log(4)}, 1));
    check(spec(), sunk, ScoreStage.PROBABILITIES, 0.2, 0, 0, 0.125, 0.375, 0);
    Tensor nothing = Tensor.of(new byte[] {0}, DType.INT8, 1);
    check(
        spec(),
        inputs.withDropout(Dropout.masked(0.5, nothing)),
        ScoreStage.PROBABILITIES,
        1,
        0,
        0,
        0.25,
        0.75,
        0);
    AttentionSpec.Builder blind = spec().mask(Mask.dense(Tensor.zeros(DType.BOOL, 1, 1, 1, 1)));
    check(blind, inputs, ScoreStage.PROBABILITIES, 0, 0, 0, 0, 0, 0);
    check(blind, inputs, ScoreStage.MASKED, NONE, NONE, NONE, NONE, NONE, NONE);
  }

  /** As large as the longest; what lies behind the end of a shorter sequence is 0. */
  @Test
  void raggedSequences() {
    AttentionSpec.Builder spec =
        spec()
            .layout(Layout.TND)
            .scale(1)
            .sequences(Sequences.ragged(new long[] {0, 1, 3}, new long[] {0, 2, 3}));
    Tensor query = Tensor.of(new float[] {1, 2, 3}, 3, 1, 1);
    Tensor key = Tensor.of(new float[] {4, 5, 6}, 3, 1, 1);
    AttentionInputs inputs = AttentionInputs.of(query, key, key);
    assertThat(Attention.plan(spec.build()).scores(inputs, ScoreStage.SCALED).shape())
        .containsExactly(2, 1, 2, 2);
    check(spec, inputs, ScoreStage.SCALED, 4, 5, 0, 0, 12, 0, 18, 0);
    check(spec, inputs, ScoreStage.MASKED, 4, NONE, 0, 0, 12, 0, 18, 0);
    check(spec, inputs, ScoreStage.PROBABILITIES, 1, 0, 0, 0, 1, 0, 1, 0);
  }

  /** Rows and keys count from where a sequence starts; the tensors' padding comes last, as 0. */
  @Test
  void paddingOnTheLeft() {
    int[] one = {1};
    AttentionSpec.Builder spec =
        spec().scale(1).sequences(Sequences.padded(2, 3, one, one, one, new int[] {2}));
    AttentionInputs inputs = AttentionInputs.of(QUERY, KEY, KEY);
    check(spec, inputs, ScoreStage.SCALED, 2 * LN_3, 2, 0, 0, 0, 0);
    check(spec, inputs, ScoreStage.MASKED, 2 * LN_3, NONE, 0, 0, 0, 0);
  }

  /** Query heads read the key head of their group. */
  @Test
  void groups() {
    Tensor query = Tensor.of(new float[] {1, 2, 3, 4}, 1, 4, 1, 1);
    Tensor key = Tensor.of(new float[] {10, 100}, 1, 2, 1, 1);
    AttentionSpec.Builder spec = spec().padded(1, 1, 1).heads(4, 2).scale(1);
    check(spec, AttentionInputs.of(query, key, key), ScoreStage.SCALED, 10, 20, 300, 400);
  }
}
