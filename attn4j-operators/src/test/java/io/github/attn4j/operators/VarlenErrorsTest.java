package io.github.attn4j.operators;

import static io.github.attn4j.operators.Refusals.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException.Kind;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the two variable-length operators refuse, one by one. */
@NullMarked
class VarlenErrorsTest {
  private static final Tensor QKV = Tensor.zeros(DType.FLOAT16, 20, 4, 3, 8);
  private static final Tensor ENDS = ints(0, 6, 10);

  private static Tensor ints(int... values) {
    return Tensor.of(values, values.length);
  }

  private static FlashAttnVarlenQkvpacked packed(Tensor qkv, Tensor queries, Tensor keys) {
    return FlashAttnVarlenQkvpacked.of(qkv, queries, keys)
        .maxSeqlenQ(10)
        .maxSeqlenK(10)
        .scale(0.5)
        .backend("reference");
  }

  private static FlashAttnVarlenQkvpacked packed() {
    return packed(QKV, ENDS, ENDS);
  }

  private static Tensor halves(String shape) {
    return Tensor.zeros(
        DType.FLOAT16, Arrays.stream(shape.split(" ", -1)).mapToLong(Long::parseLong).toArray());
  }

  private static FlashAttnUnpadded unpacked(String query, String key, String value) {
    return FlashAttnUnpadded.of(halves(query), halves(key), halves(value), ENDS, ENDS)
        .maxSeqlenQ(10)
        .maxSeqlenK(10)
        .scale(0.5)
        .backend("reference");
  }

  private static void assertValue(FlashAttnVarlen<?> call, String argument, String... message) {
    assertRefused(call::forward, Kind.VALUE_ERROR, argument, message);
  }

  @Test
  void callsThatFitRun() {
    assertThat(packed().forward().out().shape()).containsExactly(20, 6, 8);
    assertThat(packed().varlenPadded(false).forward().out().shape()).containsExactly(20, 6, 8);
    assertThat(unpacked("20 6 8", "12 3 8", "12 3 5").forward().out().shape())
        .containsExactly(20, 6, 5);
  }

  @Test
  void whatHasNoDefaultMustBeGiven() {
    FlashAttnVarlenQkvpacked bare = FlashAttnVarlenQkvpacked.of(QKV, ENDS, ENDS);
    assertRefused(bare::forward, Kind.TYPE_ERROR, "max_seqlen_q", "no default");
    bare.maxSeqlenQ(10);
    assertRefused(bare::forward, Kind.TYPE_ERROR, "max_seqlen_k", "no default");
    bare.maxSeqlenK(10);
    assertRefused(bare::forward, Kind.TYPE_ERROR, "scale", "no default");
  }

  @ParameterizedTest
  @CsvSource({
    "20 4 24,     'rank 4: [total_seq_len, num_heads/num_heads_k + 2, num_heads_k, head_dim]'",
    "2 10 4 3 8,  rank 4",
    "20 2 3 8,    at least 1 + 2",
    "20 4 0 8,    at least 1 head",
    "20 4 3 0,    at least 1 column",
  })
  void shapeOfQkv(String shape, String message) {
    assertValue(packed(halves(shape), ENDS, ENDS), "qkv", message, halves(shape).toString());
  }

  @Test
  void dtypes() {
    assertRefused(
        packed(QKV.to(DType.INT32), ENDS, ENDS)::forward,
        Kind.TYPE_ERROR,
        "qkv",
        "float16, bfloat16 or float32",
        "INT32[20, 4, 3, 8]");
    Tensor wide = Tensor.of(new long[] {0, 6, 10}, 3);
    assertRefused(
        packed(QKV, wide, ENDS)::forward, Kind.TYPE_ERROR, "cu_seqlens_q", "int32", "INT64[3]");
    assertRefused(
        packed(QKV, ENDS, wide)::forward, Kind.TYPE_ERROR, "cu_seqlens_k", "int32", "INT64[3]");
    Tensor half = halves("10 3 8");
    Tensor single = half.to(DType.FLOAT32);
    assertRefused(
        FlashAttnUnpadded.of(half.to(DType.INT8), half, half, ENDS, ENDS)::forward,
        Kind.TYPE_ERROR,
        "query",
        "INT8");
    assertRefused(
        FlashAttnUnpadded.of(half, single, half, ENDS, ENDS)::forward,
        Kind.TYPE_ERROR,
        "key",
        "dtype of query, FLOAT16");
    assertRefused(
        FlashAttnUnpadded.of(half, half, single, ENDS, ENDS)::forward,
        Kind.TYPE_ERROR,
        "value",
        "dtype of query, FLOAT16");
  }

  @ParameterizedTest
  @CsvSource({
    "2 10 6 8, 12 3 8,   12 3 8, query, 'rank 3: [total_seq_len, num_heads, head_dim]'",
    "20 6 8,   2 6 3 8,  12 3 8, key,   rank 3",
    "20 6 8,   12 3 8,   12 24,  value, rank 3",
    "20 0 8,   12 3 8,   12 3 8, query, at least one head",
    "20 6 0,   12 3 0,   12 3 8, query, one column",
    "20 6 8,   12 3 7,   12 3 8, key,   'head_dim of query, 8'",
    "20 6 8,   12 4 8,   12 4 8, key,   'num_heads of query, 6'",
    "20 6 8,   12 0 8,   12 0 8, key,   'num_heads of query, 6'",
    "20 6 8,   12 3 8,   11 3 8, value, 'total_seq_len of key, 12'",
    "20 6 8,   12 3 8,   12 6 8, value, 'num_heads_k of key, 3'",
    "20 6 8,   12 3 8,   12 3 0, value, at least one column",
  })
  void shapes(String query, String key, String value, String argument, String message) {
    assertValue(
        unpacked(query, key, value),
        argument,
        message,
        halves(query).toString(),
        halves(key).toString(),
        halves(value).toString());
  }

  @Test
  void cumulativeLengths() {
    Tensor matrix = ENDS.reshape(3, 1);
    assertValue(packed(QKV, matrix, ENDS), "cu_seqlens_q", "[batch + 1]", "INT32[3, 1]");
    assertValue(packed(QKV, ENDS, ints()), "cu_seqlens_k", "[batch + 1]", "INT32[0]");
    assertValue(packed(QKV, ENDS, ints(0, 6)), "cu_seqlens_k", "INT32[2]", "INT32[3]");
    for (boolean padded : new boolean[] {true, false}) {
      assertValue(
          packed(QKV, ints(1, 6, 10), ENDS).varlenPadded(padded),
          "cu_seqlens_q",
          "start at 0",
          "got 1 at 0");
      assertValue(
          packed(QKV, ENDS, ints(0, 6, 5)).varlenPadded(padded),
          "cu_seqlens_k",
          "never fall",
          "got 5 at 2");
      assertValue(
          packed(QKV, ints(0, -6, 5), ENDS).varlenPadded(padded), "cu_seqlens_q", "got -6 at 1");
    }
    assertValue(
        packed(QKV, ints(0, 6, 21), ENDS).varlenPadded(false),
        "cu_seqlens_q",
        "within total_seq_len 20",
        "got 21");
    assertValue(
        packed(QKV, ENDS, ints(0, 6, 21)).varlenPadded(false),
        "cu_seqlens_k",
        "within total_seq_len 20",
        "got 21");
    // A row past the end of the keys is not saved by the queries' being longer.
    assertValue(unpacked("20 6 8", "9 3 8", "9 3 8"), "cu_seqlens_k", "total_seq_len 9", "got 10");
  }

  @Test
  void paddedLengths() {
    assertValue(packed(QKV, ints(0, 11, 12), ENDS), "cu_seqlens_q", "max_seqlen_q 10", "got 11");
    assertValue(
        packed(QKV, ENDS, ints(0, 2, 13)), "cu_seqlens_k", "max_seqlen_k 10", "11 for sequence 1");
    assertValue(
        packed().maxSeqlenQ(11),
        "max_seqlen_q",
        "total_seq_len 20",
        "2 sequences",
        "11 rows",
        "got qkv FLOAT16[20, 4, 3, 8]");
    assertValue(packed().maxSeqlenK(Integer.MAX_VALUE), "max_seqlen_k", "total_seq_len 20");
    assertValue(packed().maxSeqlenQ(-1), "max_seqlen_q", "at least 0, got -1");
    assertValue(packed().maxSeqlenK(-1), "max_seqlen_k", "at least 0, got -1");
    // Without padding the longest length is only needed for the shape of the softmax.
    FlashAttnVarlenQkvpacked dense = packed().varlenPadded(false).maxSeqlenQ(5).maxSeqlenK(1);
    assertThat(dense.forward().out().shape()).containsExactly(20, 6, 8);
    assertValue(dense.dropout(0.5).returnSoftmax(true), "cu_seqlens_q", "max_seqlen_q 5", "got 6");
  }

  @Test
  void softmaxWithoutDropout() {
    String message = "return_softmax is only supported when dropout > 0.0";
    assertRefused(
        packed().returnSoftmax(true)::forward, Kind.RUNTIME_ERROR, "return_softmax", message);
    assertRefused(
        packed().returnSoftmax(true).dropout(0.5).training(false)::forward,
        Kind.RUNTIME_ERROR,
        "return_softmax",
        message,
        "0.5, not training");
    assertRefused(
        unpacked("20 6 8", "12 3 8", "12 3 5").returnSoftmax(true)::forward,
        Kind.RUNTIME_ERROR,
        "return_softmax",
        message);
  }

  @Test
  void options() {
    for (double wrong : new double[] {-0.1, 1, Double.NaN}) {
      assertValue(packed().dropout(wrong), "dropout", "0 <= dropout < 1", "got " + wrong);
      assertValue(packed().dropout(wrong).training(false), "dropout");
    }
    assertRefused(
        packed().fixedSeedOffset(ints(1, 2))::forward,
        Kind.TYPE_ERROR,
        "fixed_seed_offset",
        "int64 [2]",
        "INT32[2]");
    assertValue(
        packed().fixedSeedOffset(Tensor.of(new long[3], 3)),
        "fixed_seed_offset",
        "int64 [2]",
        "INT64[3]");
    assertValue(packed().scale(Double.NaN), "scale", "NaN");
    assertValue(packed().threads(-1), "threads", "-1");
    assertValue(packed().backend("abacus"), "backend", "abacus");
  }

  @Test
  void gradientOfTheOutput() {
    FlashAttnVarlenQkvpacked call = packed();
    FlashAttnVarlen.Result result = call.forward();
    assertRefused(
        () -> call.backward(result, halves("20 6 7")), Kind.VALUE_ERROR, "dout", "[20, 6, 8]");
    assertRefused(
        () -> call.backward(result, result.out().to(DType.FLOAT32)),
        Kind.TYPE_ERROR,
        "dout",
        "FLOAT16");
  }
}
