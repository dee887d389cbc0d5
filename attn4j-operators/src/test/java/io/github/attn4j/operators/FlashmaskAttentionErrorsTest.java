package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.RefusedException.Kind;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The conditions that the operator's document and its kernels list, one by one. */
@NullMarked
class FlashmaskAttentionErrorsTest {
  private static final Tensor QUERY = normal(1, 2, 130, 4, 8);
  private static final Tensor KEY = normal(2, 2, 140, 2, 8);
  private static final Tensor VALUE = normal(3, 2, 140, 2, 6);

  private static FlashmaskAttention call() {
    return FlashmaskAttention.of(QUERY, KEY, VALUE).backend("reference");
  }

  private static Tensor ints(long... shape) {
    return Tensor.zeros(DType.INT32, shape);
  }

  private static void assertRefused(
      FlashmaskAttention call, Kind kind, String argument, String... message) {
    Refusals.assertRefused(call::forward, kind, argument, message);
  }

  @Test
  void aCallThatFitsRuns() {
    assertThat(
            call()
                .startendRowIndices(ints(2, 2, 140, 4))
                .blockMask(ints(2, 2, 2, 2))
                .forward()
                .out()
                .shape())
        .containsExactly(2, 130, 4, 6);
  }

  @Test
  void windowSizeWithStartendRowIndices() {
    Tensor square = QUERY.slice(2, 0, 2);
    assertRefused(
        FlashmaskAttention.of(square, square, square)
            .startendRowIndices(ints(2, 1, 130, 2))
            .windowSize(3),
        Kind.RUNTIME_ERROR,
        "window_size",
        "can't use window_size with startend_row_indices",
        "[3, 3]",
        "INT32[2, 1, 130, 2]");
  }

  @Test
  void windowSizeWithUnequalLengths() {
    assertRefused(
        call().windowSize(3, 4),
        Kind.VALUE_ERROR,
        "window_size",
        "[3, 4]",
        "[2, 130, 4, 8]",
        "[2, 140, 2, 8]");
  }

  @Test
  void dtypeOfStartendRowIndices() {
    assertRefused(
        call().startendRowIndices(Tensor.zeros(DType.INT64, 2, 1, 140, 2)),
        Kind.TYPE_ERROR,
        "startend_row_indices",
        "expected int32",
        "INT64[2, 1, 140, 2]");
  }

  @ParameterizedTest
  @CsvSource({
    "2 140 2, rank 4",
    "1 1 140 2, 'shape[0]'",
    "3 1 140 2, 'shape[0]'",
    "2 1 130 2, 'shape[2]'",
    "2 3 140 2, 'shape[1]'",
    "2 0 140 2, 'shape[1]'",
  })
  void shapeOfStartendRowIndices(String shape, String message) {
    Tensor indices = ints(shape(shape));
    assertRefused(
        call().startendRowIndices(indices),
        Kind.VALUE_ERROR,
        "startend_row_indices",
        message,
        indices.toString(),
        QUERY.toString(),
        KEY.toString(),
        VALUE.toString());
  }

  private static long[] shape(String text) {
    return java.util.Arrays.stream(text.split(" ", -1)).mapToLong(Long::parseLong).toArray();
  }

  @ParameterizedTest
  @CsvSource({
    "true, 4, True, 1 or 2", "true, 3, True, 1 or 2", "true, 0, True, 1 or 2",
    "false, 1, False, 2 or 4", "false, 3, False, 2 or 4", "false, 5, False, 2 or 4",
  })
  void lastDimensionOfStartendRowIndices(boolean causal, int got, String word, String either) {
    assertRefused(
        call().causal(causal).startendRowIndices(ints(2, 1, 140, got)),
        Kind.VALUE_ERROR,
        "startend_row_indices",
        "Invalid shape of startend_row_indices, when causal is "
            + word
            + ", the last dimension should be either "
            + either
            + ", but got "
            + got);
  }

  @Test
  void dtypeOfBlockMask() {
    assertRefused(
        call().blockMask(Tensor.zeros(DType.BOOL, 2, 1, 2, 2)),
        Kind.TYPE_ERROR,
        "block_mask",
        "expected int32",
        "BOOL[2, 1, 2, 2]");
  }

  @ParameterizedTest
  @CsvSource({
    "2 2 2, rank 4",
    "1 1 2 2, 'shape[0]'",
    "2 3 2 2, 'shape[1]'",
    "2 1 1 2, 'shape[2]'",
    "2 1 3 2, 'shape[2]'",
    "2 1 2 1, 'shape[3]'",
    "2 1 2 3, 'shape[3]'",
  })
  void shapeOfBlockMask(String shape, String message) {
    Tensor blocks = ints(shape(shape));
    assertRefused(
        call().blockMask(blocks), Kind.VALUE_ERROR, "block_mask", message, blocks.toString());
  }

  @Test
  void headsOfBlockMaskUnlikeThoseOfStartendRowIndices() {
    assertRefused(
        call().startendRowIndices(ints(2, 2, 140, 2)).blockMask(ints(2, 1, 2, 2)),
        Kind.VALUE_ERROR,
        "block_mask",
        "shape[1] equal to that of startend_row_indices, 2");
  }

  @Test
  void rankOfTheTensors() {
    assertRefused(
        FlashmaskAttention.of(QUERY.select(0, 0), KEY, VALUE), Kind.VALUE_ERROR, "query", "rank 4");
    assertRefused(
        FlashmaskAttention.of(QUERY, KEY.select(0, 0), VALUE), Kind.VALUE_ERROR, "key", "rank 4");
    assertRefused(
        FlashmaskAttention.of(QUERY, KEY, VALUE.select(0, 0)), Kind.VALUE_ERROR, "value", "rank 4");
  }

  @Test
  void dtypesOfTheTensors() {
    assertRefused(
        FlashmaskAttention.of(QUERY.to(DType.INT8), KEY, VALUE),
        Kind.TYPE_ERROR,
        "query",
        "float16, bfloat16 or float32");
    assertRefused(
        FlashmaskAttention.of(QUERY, KEY.to(DType.FLOAT16), VALUE),
        Kind.TYPE_ERROR,
        "key",
        "dtype of query, FLOAT32",
        "FLOAT16[2, 140, 2, 8]");
    assertRefused(
        FlashmaskAttention.of(QUERY, KEY, VALUE.to(DType.BFLOAT16)),
        Kind.TYPE_ERROR,
        "value",
        "dtype of query, FLOAT32");
  }

  @ParameterizedTest
  @CsvSource({
    // the refused one, query, key, value
    "query, 0 4 2 8, 0 4 2 8, 0 4 2 8",
    "query, 1 4 0 8, 1 4 2 8, 1 4 2 8",
    "query, 1 4 2 0, 1 4 2 0, 1 4 2 8",
    "query, 1 4 2 520, 1 4 2 520, 1 4 2 8",
    "key, 2 4 2 8, 1 4 2 8, 1 4 2 8",
    "key, 1 4 2 8, 1 4 2 16, 1 4 2 8",
    "key, 1 4 3 8, 1 4 2 8, 1 4 2 8",
    "key, 1 4 2 8, 1 4 0 8, 1 4 0 8",
    "key, 1 4 2 8, 1 4 4 8, 1 4 4 8",
    "value, 2 4 2 8, 2 4 2 8, 1 4 2 8",
    "value, 1 4 2 8, 1 4 2 8, 1 5 2 8",
    "value, 1 4 2 8, 1 4 2 8, 1 4 1 8",
    "value, 1 4 2 8, 1 4 2 8, 1 4 2 0",
    "value, 1 4 2 8, 1 4 2 8, 1 4 2 513",
  })
  void shapesOfTheTensors(String argument, String query, String key, String value) {
    Tensor q = Tensor.zeros(DType.FLOAT32, shape(query));
    Tensor k = Tensor.zeros(DType.FLOAT32, shape(key));
    Tensor v = Tensor.zeros(DType.FLOAT32, shape(value));
    assertRefused(
        FlashmaskAttention.of(q, k, v),
        Kind.VALUE_ERROR,
        argument,
        q.toString(),
        k.toString(),
        v.toString());
  }

  @Test
  void probabilityOfDropout() {
    for (double p : new double[] {1, -0.1, 1.5, Double.NaN}) {
      assertRefused(call().dropout(p), Kind.VALUE_ERROR, "dropout", "0 <= dropout < 1", "" + p);
      assertRefused(call().dropout(p).training(false), Kind.VALUE_ERROR, "dropout");
    }
  }

  @Test
  void fixedSeedOffset() {
    assertRefused(
        call().fixedSeedOffset(ints(2)),
        Kind.TYPE_ERROR,
        "fixed_seed_offset",
        "int64 [2]",
        "INT32[2]");
    assertRefused(
        call().fixedSeedOffset(Tensor.zeros(DType.INT64, 3)),
        Kind.VALUE_ERROR,
        "fixed_seed_offset",
        "INT64[3]");
    assertRefused(
        call().fixedSeedOffset(Tensor.zeros(DType.INT64, 2, 1)),
        Kind.VALUE_ERROR,
        "fixed_seed_offset");
  }

  @Test
  void refusalsOfTheCoreHaveTheOperatorsNames() {
    assertRefused(
        call().softmaxScale(Double.NaN), Kind.VALUE_ERROR, "softmax_scale", "1e30", "NaN");
    assertRefused(call().learnableSink(ints(4)), Kind.TYPE_ERROR, "learnable_sink", "INT32[4]");
    assertRefused(
        call().learnableSink(normal(1, 3)), Kind.VALUE_ERROR, "learnable_sink", "FLOAT32[3]");
    assertRefused(call().threads(-1), Kind.VALUE_ERROR, "threads");
    assertRefused(call().backend("abacus"), Kind.VALUE_ERROR, "backend", "abacus");
  }

  @Test
  void gradientOfTheOutput() {
    FlashmaskAttention call = call();
    FlashmaskAttention.Result result = call.forward();
    assertThatThrownBy(() -> call.backward(result, normal(1, 2, 130, 4, 8)))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("dout: ");
    assertThatThrownBy(() -> call.backward(result, result.out().to(DType.FLOAT16)))
        .isInstanceOfSatisfying(
            RefusedException.class, e -> assertThat(e.kind()).isEqualTo(Kind.TYPE_ERROR))
        .hasMessageStartingWith("dout: ");
  }
}
