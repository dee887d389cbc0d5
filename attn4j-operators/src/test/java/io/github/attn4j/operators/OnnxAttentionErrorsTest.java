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
import org.junit.jupiter.params.provider.ValueSource;

/** The conditions that the standard sets, one by one. */
@NullMarked
class OnnxAttentionErrorsTest {
  private static final Tensor QUERY = floats(2, 4, 3, 8);
  private static final Tensor KEY = floats(2, 2, 5, 8);
  private static final Tensor VALUE = floats(2, 2, 5, 6);

  private static Tensor floats(long... shape) {
    return Tensor.zeros(DType.FLOAT32, shape);
  }

  private static Tensor floats(String shape) {
    return floats(Arrays.stream(shape.split(" ", -1)).mapToLong(Long::parseLong).toArray());
  }

  private static OnnxAttention call() {
    return OnnxAttention.of(QUERY, KEY, VALUE).backend("reference");
  }

  private static OnnxAttention packed() {
    return OnnxAttention.of(floats(2, 3, 32), floats(2, 5, 16), floats(2, 5, 12))
        .qNumHeads(4)
        .kvNumHeads(2)
        .backend("reference");
  }

  private static void assertValue(OnnxAttention call, String argument, String... message) {
    assertRefused(call::forward, Kind.VALUE_ERROR, argument, message);
  }

  @Test
  void callsThatFitRun() {
    assertThat(call().attnMask(floats(4, 3, 5)).qNumHeads(4).kvNumHeads(2).forward().y().shape())
        .containsExactly(2, 4, 3, 6);
    assertThat(packed().past(floats(2, 2, 7, 8), floats(2, 2, 7, 6)).forward().y().shape())
        .containsExactly(2, 3, 24);
  }

  @ParameterizedTest
  @CsvSource({
    "4 3,          2 2 5 8,   2 2 5 6,  Q, batch_size",
    "2 4 3 8 1,    2 2 5 8,   2 2 5 6,  Q, batch_size",
    "2 4 3 8,      2 5 16,    2 2 5 6,  K, 'rank of Q, 4'",
    "2 4 3 8,      2 2 5 8,   2 5 12,   V, 'rank of Q, 4'",
    "2 4 3 8,      1 2 5 8,   2 2 5 6,  K, 'batch_size of Q, 2'",
    "2 4 3 8,      2 2 5 8,   3 2 5 6,  V, 'batch_size of Q, 2'",
    "2 4 3 8,      2 2 5 8,   2 2 4 6,  V, 'kv_sequence_length of K, 5'",
    "2 4 3 8,      2 3 5 8,   2 3 5 6,  Q, kv_num_heads 3 divides",
    "2 0 3 8,      2 2 5 8,   2 2 5 6,  Q, at least one head",
    "2 4 3 8,      2 0 5 8,   2 0 5 6,  K, at least one head",
    "2 4 3 8,      2 2 5 8,   2 4 5 6,  V, 'num_heads of K, 2'",
    "2 4 3 8,      2 2 5 7,   2 2 5 6,  K, 'head_size of Q, 8'",
    "2 4 3 0,      2 2 5 0,   2 2 5 6,  Q, at least one column",
    "2 4 3 8,      2 2 5 8,   2 2 5 0,  V, at least one column",
  })
  void shapes(String query, String key, String value, String argument, String message) {
    OnnxAttention call = OnnxAttention.of(floats(query), floats(key), floats(value));
    assertValue(
        call,
        argument,
        message,
        floats(query).toString(),
        floats(key).toString(),
        floats(value).toString());
  }

  @ParameterizedTest
  @CsvSource({
    "2 3 33, 2 5 16, 2 5 12, Q, 'its number of heads, 4, divides'",
    "2 3 32, 2 5 17, 2 5 12, K, kv_num_heads 2 of the head_size",
    "2 3 32, 2 5 16, 2 5 13, V, 'its number of heads, 2, divides'",
    "2 3 0,  2 5 0,  2 5 12, Q, at least one column",
  })
  void hiddenSizes(String query, String key, String value, String argument, String message) {
    assertValue(
        OnnxAttention.of(floats(query), floats(key), floats(value)).qNumHeads(4).kvNumHeads(2),
        argument,
        message);
  }

  @Test
  void numbersOfHeads() {
    assertValue(packed().qNumHeads(null), "q_num_heads", "3-D inputs", "FLOAT32[2, 3, 32]");
    assertValue(packed().kvNumHeads(null), "kv_num_heads", "3-D inputs");
    assertValue(packed().qNumHeads(0), "q_num_heads", "at least 1, got 0");
    assertValue(packed().kvNumHeads(-2), "kv_num_heads", "at least 1, got -2");
    assertValue(packed().qNumHeads(4).kvNumHeads(8), "q_num_heads", "kv_num_heads 8 divides");
    assertValue(call().qNumHeads(2), "q_num_heads", "num_heads of Q, 4", "got 2");
    assertValue(call().kvNumHeads(4), "kv_num_heads", "num_heads of K, 2", "got 4");
  }

  @Test
  void dtypes() {
    Tensor ints = Tensor.zeros(DType.INT32, 2, 4, 3, 8);
    assertRefused(
        OnnxAttention.of(ints, KEY, VALUE)::forward,
        Kind.TYPE_ERROR,
        "Q",
        "float16, bfloat16 or float32",
        "INT32[2, 4, 3, 8]");
    assertRefused(
        OnnxAttention.of(QUERY, KEY.to(DType.FLOAT16), VALUE)::forward,
        Kind.TYPE_ERROR,
        "K",
        "dtype of Q, FLOAT32",
        "FLOAT16[2, 2, 5, 8]");
    assertRefused(
        OnnxAttention.of(QUERY, KEY, VALUE.to(DType.INT8))::forward,
        Kind.TYPE_ERROR,
        "V",
        "float16, bfloat16 or float32");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"5", "1 2 4 3 5", "3 6", "2 5", "3 3 5", "2 3 5", "3 4 3 5", "2 2 3 5", "2 4 2 5"})
  void shapeOfTheMask(String shape) {
    assertValue(call().attnMask(floats(shape)), "attn_mask", floats(shape).toString());
  }

  @Test
  void dtypeOfTheMask() {
    for (DType dtype : new DType[] {DType.INT8, DType.INT32, DType.INT64}) {
      assertRefused(
          call().attnMask(Tensor.zeros(dtype, 3, 5))::forward,
          Kind.TYPE_ERROR,
          "attn_mask",
          "bool, float16, bfloat16 or float32",
          dtype + "[3, 5]");
    }
  }

  @Test
  void pasts() {
    Tensor keys = floats(2, 2, 7, 8);
    Tensor values = floats(2, 2, 7, 6);
    assertRefused(call().past(keys, null)::forward, Kind.RUNTIME_ERROR, "past_value", "together");
    assertRefused(call().past(null, values)::forward, Kind.RUNTIME_ERROR, "past_key", "together");
    assertRefused(
        call().past(keys.to(DType.FLOAT16), values)::forward,
        Kind.TYPE_ERROR,
        "past_key",
        "dtype of K");
    assertRefused(
        call().past(keys, values.to(DType.FLOAT16))::forward,
        Kind.TYPE_ERROR,
        "past_value",
        "dtype of V");
    assertValue(call().past(floats(2, 7, 16), values), "past_key", "rank 4");
    for (String shape : new String[] {"1 2 7 8", "2 4 7 8", "2 2 7 6"}) {
      assertValue(
          call().past(floats(shape), values), "past_key", "[2, 2, past_sequence_length, 8]");
    }
    for (String shape : new String[] {"1 2 7 6", "2 4 7 6", "2 2 6 6", "2 2 7 8", "2 7 12"}) {
      assertValue(call().past(keys, floats(shape)), "past_value", "[2, 2, 7, 6]");
    }
  }

  @Test
  void lengths() {
    Tensor lengths = Tensor.of(new long[] {5, 3}, 2);
    assertValue(
        call().nonpadKvSeqlen(lengths).opset(23), "nonpad_kv_seqlen", "opset 23", "INT64[2]");
    assertRefused(
        call().nonpadKvSeqlen(lengths).past(floats(2, 2, 7, 8), floats(2, 2, 7, 6))::forward,
        Kind.RUNTIME_ERROR,
        "nonpad_kv_seqlen",
        "no past_key and past_value");
    assertRefused(
        call().nonpadKvSeqlen(lengths).returnPresent(true)::forward,
        Kind.RUNTIME_ERROR,
        "nonpad_kv_seqlen",
        "present_key and present_value");
    assertRefused(
        call().nonpadKvSeqlen(Tensor.of(new int[] {5, 3}, 2))::forward,
        Kind.TYPE_ERROR,
        "nonpad_kv_seqlen",
        "int64",
        "INT32[2]");
    assertValue(
        call().nonpadKvSeqlen(Tensor.of(new long[3], 3)), "nonpad_kv_seqlen", "[2]", "INT64[3]");
    assertValue(call().nonpadKvSeqlen(lengths.reshape(2, 1)), "nonpad_kv_seqlen", "INT64[2, 1]");
    for (long wrong : new long[] {-1, 6, 1L << 40}) {
      assertValue(
          call().nonpadKvSeqlen(Tensor.of(new long[] {5, wrong}, 2)),
          "nonpad_kv_seqlen",
          "0 to kv_sequence_length 5",
          "got " + wrong);
    }
  }

  @Test
  void attributes() {
    assertValue(call().opset(22), "opset", "23 or 24", "22");
    assertValue(call().opset(25), "opset", "25");
    assertValue(call().qkMatmulOutputMode(4), "qk_matmul_output_mode", "0, 1, 2 or 3", "4");
    assertValue(call().qkMatmulOutputMode(-1), "qk_matmul_output_mode", "-1");
    assertValue(call().softmaxPrecision(7), "softmax_precision", "1 (float)", "7");
    for (int dataType : new int[] {1, 10, 11, 16}) {
      assertThat(call().softmaxPrecision(dataType).forward().y().dtype()).isEqualTo(DType.FLOAT32);
    }
    assertValue(call().scale(Double.NaN), "scale", "NaN");
    assertValue(call().scale(Double.POSITIVE_INFINITY), "scale", "Infinity");
    assertValue(call().softcap(-1), "softcap", "-1");
    assertValue(call().softcap(Double.NaN), "softcap", "NaN");
    assertValue(call().threads(-1), "threads", "-1");
    assertValue(call().backend("abacus"), "backend", "abacus");
  }

  @Test
  void gradientOfTheOutput() {
    OnnxAttention call = packed();
    OnnxAttention.Result result = call.forward();
    assertRefused(
        () -> call.backward(result, floats(2, 3, 23)),
        Kind.VALUE_ERROR,
        "dout",
        "FLOAT32[2, 3, 24]",
        "FLOAT32[2, 3, 23]");
    assertRefused(
        () -> call.backward(result, result.y().to(DType.BFLOAT16)),
        Kind.TYPE_ERROR,
        "dout",
        "FLOAT32[2, 3, 24]",
        "BFLOAT16");
  }
}
