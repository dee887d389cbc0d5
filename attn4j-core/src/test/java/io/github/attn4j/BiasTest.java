package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** Every kind of bias by hand: a query of zeros leaves nothing else in the scores. */
final class BiasTest {
  private static AttentionSpec.Builder padded(int batch, int heads, int seqlenQ, int seqlenK) {
    return spec(heads).padded(batch, seqlenQ, seqlenK);
  }

  private static AttentionSpec.Builder ragged(int heads, long[] rows, long[] keys) {
    return spec(heads).layout(Layout.TND).sequences(Sequences.ragged(rows, keys));
  }

  private static AttentionSpec.Builder spec(int heads) {
    return AttentionSpec.builder().heads(heads, heads).dims(1, 1).backend("reference");
  }

  private static Tensor scores(AttentionSpec.Builder builder, Bias bias) {
    AttentionSpec spec = builder.build();
    Sequences s = spec.sequences();
    long heads = spec.heads();
    Tensor query =
        s.isRagged()
            ? Tensor.zeros(DType.FLOAT32, s.extentQ(), heads, 1)
            : Tensor.zeros(DType.FLOAT32, s.count(), heads, s.extentQ(), 1);
    Tensor key =
        s.isRagged()
            ? Tensor.zeros(DType.FLOAT32, s.extentK(), heads, 1)
            : Tensor.zeros(DType.FLOAT32, s.count(), heads, s.extentK(), 1);
    return Attention.plan(spec)
        .scores(AttentionInputs.of(query, key, key).withBias(bias), ScoreStage.MASKED);
  }

  private static Tensor counting(long... shape) {
    Tensor tensor = Tensor.zeros(DType.FLOAT32, shape);
    for (int at = 0; at < tensor.elements(); at++) {
      tensor.reshape(tensor.elements()).set(at + 1, at);
    }
    return tensor;
  }

  private static void refused(AttentionSpec.Builder spec, Bias bias, String message) {
    assertThatThrownBy(() -> scores(spec, bias))
        .isInstanceOf(RefusedException.class)
        .hasMessage(message);
  }

  @Test
  void alibiGrowsWithTheDistance() {
    Tensor slopes = Tensor.of(new float[] {1, 0.5f}, 2);
    Tensor ends = scores(padded(1, 2, 2, 4), Bias.alibi(slopes, Alignment.BOTTOM_RIGHT));
    assertThat(ends.toFloatArray())
        .containsExactly(-2, -1, 0, -1, -3, -2, -1, 0, -1, -0.5f, 0, -0.5f, -1.5f, -1, -0.5f, 0);
    Tensor starts = scores(padded(1, 2, 2, 4), Bias.alibi(slopes, Alignment.TOP_LEFT));
    assertThat(starts.select(1, 0).toFloatArray()).containsExactly(0, -1, -2, -3, -1, 0, -1, -2);
  }

  @Test
  void alibiByTheRootAndShifted() {
    Tensor slope = Tensor.of(new float[] {2}, 1);
    Bias root = new AlibiBias(slope, AlibiBias.Curve.SQRT, Alignment.TOP_LEFT, 0);
    assertThat(scores(padded(1, 1, 2, 5), root).toFloatArray())
        .containsExactly(
            0,
            -2,
            -2 * (float) Math.sqrt(2),
            -2 * (float) Math.sqrt(3),
            -4,
            -2,
            0,
            -2,
            -2 * (float) Math.sqrt(2),
            -2 * (float) Math.sqrt(3));
    // Keys three places ahead: |j + 3 - i|.
    Bias ahead = new AlibiBias(slope, AlibiBias.Curve.LINEAR, Alignment.TOP_LEFT, 3);
    assertThat(scores(padded(1, 1, 2, 2), ahead).toFloatArray()).containsExactly(-6, -8, -4, -6);
    Bias behind = new AlibiBias(slope, AlibiBias.Curve.LINEAR, Alignment.BOTTOM_RIGHT, -2);
    assertThat(scores(padded(1, 1, 1, 3), behind).toFloatArray()).containsExactly(-8, -6, -4);
  }

  /** Ragged sequences have a diagonal each, and may have slopes each. */
  @Test
  void alibiOfEverySequence() {
    Tensor slopes = Tensor.of(new float[] {1, 10}, 2, 1);
    Bias bias = new AlibiBias(slopes, AlibiBias.Curve.LINEAR, Alignment.BOTTOM_RIGHT, 0);
    Tensor got = scores(ragged(1, new long[] {0, 1, 3}, new long[] {0, 3, 5}), bias);
    assertThat(got.shape()).containsExactly(2, 1, 2, 3);
    assertThat(got.select(0, 0).toFloatArray()).containsExactly(-2, -1, 0, 0, 0, 0);
    assertThat(got.select(0, 1).toFloatArray()).containsExactly(0, -10, 0, -10, 0, 0);
    refused(
        padded(1, 2, 2, 2),
        bias,
        "bias: expected slopes (heads) = [2] or (sequences, heads) = [1, 2], got FLOAT32[2, 1]");
    assertThatThrownBy(() -> Bias.alibi(counting(1, 1, 1), Alignment.TOP_LEFT))
        .hasMessage("bias: expected slopes (heads) or (sequences, heads), got FLOAT32[1, 1, 1]");
    assertThatThrownBy(() -> Bias.alibi(counting(1).to(DType.INT32), Alignment.TOP_LEFT))
        .hasMessage("bias: expected a floating dtype, got INT32[1]");
  }

  /**
   * The last R = 2 rows of 5, all elements different, which shows the one that is taken. Rows 3 and
   * 4 are those given; row i above them reads row r = i mod 2 at column 5 - (i - j) - (2 - r).
   */
  @Test
  void toeplitzRowsThatWereGivenAndThoseAbove() {
    Bias bias = new ToeplitzBias(counting(1, 1, 2, 5));
    assertThat(scores(padded(1, 1, 5, 5), bias).toFloatArray())
        .containsExactly(
            4, 0, 0, 0, 0, //
            9, 10, 0, 0, 0, //
            2, 3, 4, 0, 0, //
            1, 2, 3, 4, 0, //
            6, 7, 8, 9, 10);
    // All rows given: each is itself.
    assertThat(scores(padded(1, 1, 2, 2), new ToeplitzBias(counting(1, 1, 2, 2))).toFloatArray())
        .containsExactly(1, 0, 3, 4);
  }

  /** Ragged: t = i - j - (5 - 2); row t of column 0, or row 0 of column -t. */
  @Test
  void toeplitzOfRaggedSequences() {
    Bias bias = new ToeplitzBias(counting(1, 1, 2, 5));
    Tensor got = scores(ragged(1, new long[] {0, 5, 7}, new long[] {0, 5, 7}), bias);
    assertThat(got.select(0, 0).toFloatArray())
        .containsExactly(
            4, 0, 0, 0, 0, //
            3, 4, 0, 0, 0, //
            2, 3, 4, 0, 0, //
            1, 2, 3, 4, 0, //
            6, 1, 2, 3, 4);
    assertThat(got.get(1, 0, 0, 0)).isEqualTo(4);
    assertThat(got.get(1, 0, 1, 0)).isEqualTo(3);
    assertThat(got.get(1, 0, 1, 1)).isEqualTo(4);
    // More rows than columns: t = i - j - (2 - 3).
    Bias tall = new ToeplitzBias(counting(1, 1, 3, 2));
    assertThat(scores(ragged(1, new long[] {0, 2}, new long[] {0, 2}), tall).toFloatArray())
        .containsExactly(3, 0, 5, 3);
  }

  @Test
  void toeplitzOfSequencesAndHeads() {
    Tensor got = scores(padded(2, 2, 1, 1), new ToeplitzBias(counting(2, 2, 1, 1)));
    assertThat(got.toFloatArray()).containsExactly(1, 2, 3, 4);
    Tensor heads = scores(padded(2, 2, 1, 1), new ToeplitzBias(counting(1, 2, 1, 1)));
    assertThat(heads.toFloatArray()).containsExactly(1, 2, 1, 2);
    Tensor sequences = scores(padded(2, 2, 1, 1), new ToeplitzBias(counting(2, 1, 1, 1)));
    assertThat(sequences.toFloatArray()).containsExactly(1, 1, 2, 2);
  }

  @Test
  void toeplitzThatDoesNotFitIsRefused() {
    refused(
        padded(1, 2, 4, 4),
        new ToeplitzBias(counting(1, 3, 2, 4)),
        "bias: expected 1 sequences and 2 heads, each or 1, got FLOAT32[1, 3, 2, 4]");
    refused(
        padded(1, 1, 3, 4),
        new ToeplitzBias(counting(1, 1, 2, 4)),
        "bias: expected as many keys as sequence 0 has rows and keys (3 and 4), "
            + "got FLOAT32[1, 1, 2, 4]");
    refused(
        padded(1, 1, 3, 3),
        new ToeplitzBias(counting(1, 1, 2, 4)),
        "bias: expected as many keys as sequence 0 has rows and keys (3 and 3), "
            + "got FLOAT32[1, 1, 2, 4]");
    refused(
        ragged(1, new long[] {0, 5}, new long[] {0, 5}),
        new ToeplitzBias(counting(1, 1, 2, 4)),
        "bias: expected as many keys as sequence 0 has rows and keys (5 and 5), "
            + "got FLOAT32[1, 1, 2, 4]");
    assertThatThrownBy(() -> new ToeplitzBias(counting(1, 1, 4)))
        .hasMessage(
            "bias: expected (sequences or 1, heads or 1, last rows, keys), got FLOAT32[1, 1, 4]");
    assertThatThrownBy(() -> new ToeplitzBias(Tensor.zeros(DType.FLOAT32, 1, 1, 0, 4)))
        .isInstanceOf(RefusedException.class);
  }

  /** Two heads of sequences 1 x 2 and 2 x 1, without a gap. */
  @Test
  void packedNumbersLieSequenceAfterSequence() {
    AttentionSpec.Builder spec = ragged(2, new long[] {0, 1, 3}, new long[] {0, 2, 3});
    Tensor got = scores(spec, new PackedBias(counting(8), false));
    assertThat(got.select(0, 0).toFloatArray()).containsExactly(1, 2, 0, 0, 3, 4, 0, 0);
    assertThat(got.select(0, 1).toFloatArray()).containsExactly(5, 0, 6, 0, 7, 0, 8, 0);
    Tensor shared = scores(spec, new PackedBias(counting(6), true));
    assertThat(shared.select(0, 0).toFloatArray()).containsExactly(1, 2, 0, 0, 3, 4, 0, 0);
    assertThat(shared.select(0, 1).toFloatArray()).containsExactly(5, 0, 5, 0, 6, 0, 6, 0);
    refused(
        spec,
        new PackedBias(counting(7), false),
        "bias: expected 8 elements, heads 2 times rows times keys of "
            + "ragged, query [1, 2], key [2, 1], got FLOAT32[7]");
    refused(
        spec,
        new PackedBias(counting(8), true),
        "bias: expected 6 elements, heads 2 times rows (one) times keys of "
            + "ragged, query [1, 2], key [2, 1], got FLOAT32[8]");
    assertThatThrownBy(() -> new PackedBias(counting(2, 4), false))
        .hasMessage("bias: expected a packed tensor of rank 1, got FLOAT32[2, 4]");
  }

  /** Dense over ragged sequences: as large as the longest, counted from each one's first row. */
  @Test
  void denseNumbersOfRaggedSequences() {
    AttentionSpec.Builder spec = ragged(1, new long[] {0, 1, 3}, new long[] {0, 2, 3});
    Tensor got = scores(spec, Bias.dense(counting(2, 1, 2, 2)));
    assertThat(got.toFloatArray()).containsExactly(1, 2, 0, 0, 5, 0, 7, 0);
    Tensor keys = scores(spec, Bias.dense(counting(1, 1, 1, 2)));
    assertThat(keys.toFloatArray()).containsExactly(1, 2, 0, 0, 1, 0, 1, 0);
  }

  /** A parameter may lie in any order in memory, and in any floating dtype. */
  @Test
  void parametersMayBeStrided() {
    Tensor wide = counting(4, 2);
    Tensor slopes = wide.to(DType.BFLOAT16).select(1, 1).slice(0, 1, 3);
    Tensor got = scores(padded(1, 2, 1, 2), Bias.alibi(slopes, Alignment.TOP_LEFT));
    assertThat(got.toFloatArray()).containsExactly(0, -4, 0, -6);
    Tensor packed = wide.transpose(0, 1).select(0, 0).slice(0, 1, 4);
    Tensor numbers =
        scores(ragged(1, new long[] {0, 1}, new long[] {0, 3}), new PackedBias(packed, false));
    assertThat(numbers.toFloatArray()).containsExactly(3, 5, 7);
    Tensor last = counting(1, 1, 3, 2).transpose(2, 3);
    Tensor toeplitz = scores(padded(1, 1, 3, 3), new ToeplitzBias(last));
    assertThat(toeplitz.toFloatArray()).containsExactly(3, 0, 0, 1, 3, 0, 2, 4, 6);
  }
}
