package io.github.attn4j.operators;

import static io.github.attn4j.operators.IncreRefusals.INT8;
import static io.github.attn4j.operators.IncreRefusals.KEY;
import static io.github.attn4j.operators.IncreRefusals.QUERY;
import static io.github.attn4j.operators.IncreRefusals.assertRefused;
import static io.github.attn4j.operators.IncreRefusals.bsh;
import static io.github.attn4j.operators.IncreRefusals.call;
import static io.github.attn4j.operators.IncreRefusals.half;
import static io.github.attn4j.operators.IncreRefusals.over;
import static io.github.attn4j.operators.IncreRefusals.paged;
import static io.github.attn4j.operators.IncreRefusals.shape;
import static io.github.attn4j.operators.IncreRefusals.single;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException.Kind;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The conditions that the operator's document and the sources behind it list, one by one. */
@NullMarked
class IncreFlashAttentionErrorsTest {
  @Test
  void callsThatFitRun() {
    assertThat(call().forward().attentionOut().shape()).containsExactly(3, 4, 1, 16);
    assertThat(paged().forward().attentionOut().shape()).containsExactly(3, 4, 1, 16);
    assertThat(over(QUERY, INT8).antiquantScale(half(2, 2, 16)).forward().softmaxLse()).isNull();
  }

  @Test
  void dtypeOfQuery() {
    assertRefused(
        over(QUERY.to(DType.INT8), KEY),
        Kind.TYPE_ERROR,
        "query",
        "float16, bfloat16 or float32",
        "INT8[3, 4, 1, 16]");
  }

  @Test
  void dtypesOfKeyAndValue() {
    assertRefused(
        over(QUERY, Tensor.zeros(DType.BOOL, 3, 2, 40, 16)),
        Kind.TYPE_ERROR,
        "key",
        "or int8",
        "BOOL[3, 2, 40, 16]");
    assertRefused(
        IncreFlashAttention.of(QUERY, KEY, KEY.to(DType.BFLOAT16))
            .inputLayout("BNSD")
            .numHeads(4)
            .numKeyValueHeads(2),
        Kind.TYPE_ERROR,
        "value",
        "the dtype of key, FLOAT16",
        "BFLOAT16[3, 2, 40, 16]");
  }

  @Test
  void dtypeOfAttnMask() {
    assertRefused(
        call().attnMask(half(3, 40)),
        Kind.TYPE_ERROR,
        "attn_mask",
        "expected bool, int8 or uint8",
        "FLOAT16[3, 40]");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "40",
        "2 40",
        "4 40",
        "1 40",
        "3 39",
        "3 41",
        "3 2 40",
        "3 1 39",
        "3 2 1 40",
        "3 1 2 40",
        "1 1 1 40",
        "3 1 1 1 40"
      })
  void shapeOfAttnMask(String shape) {
    Tensor mask = Tensor.zeros(DType.BOOL, shape(shape));
    assertRefused(
        call().attnMask(mask),
        Kind.RUNTIME_ERROR,
        "attn_mask",
        "(B, S), (B, 1, S) or (B, 1, 1, S) with B = 3 and S = 40",
        mask.toString(),
        QUERY.toString(),
        KEY.toString());
  }

  @Test
  void attnMaskThatEndsBeforeThePages() {
    assertRefused(
        paged().attnMask(Tensor.zeros(DType.BOOL, 3, 127)),
        Kind.RUNTIME_ERROR,
        "attn_mask",
        "at least 128",
        "BOOL[3, 127]");
  }

  @Test
  void dtypeOfPseShift() {
    assertRefused(
        call().pseShift(Tensor.zeros(DType.INT32, 3, 4, 1, 40)),
        Kind.TYPE_ERROR,
        "pse_shift",
        "float16 or bfloat16",
        "INT32[3, 4, 1, 40]");
    assertRefused(
        call().pseShift(Tensor.zeros(DType.BFLOAT16, 3, 4, 1, 40)),
        Kind.TYPE_ERROR,
        "pse_shift",
        "the dtype of query, FLOAT16");
  }

  @ParameterizedTest
  @ValueSource(strings = {"3 4 40", "2 4 1 40", "3 1 1 40", "3 2 1 40", "3 4 2 40", "3 4 1 39"})
  void shapeOfPseShift(String shape) {
    Tensor bias = half(shape(shape));
    assertRefused(
        call().pseShift(bias),
        Kind.VALUE_ERROR,
        "pse_shift",
        "(1, N, 1, S) or (B, N, 1, S) with B = 3, N = 4 and S at least 40",
        bias.toString());
    assertRefused(
        paged().pseShift(half(3, 4, 1, 127)), Kind.VALUE_ERROR, "pse_shift", "at least 128");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1})
  void numHeads(int heads) {
    assertRefused(
        call().numHeads(heads), Kind.RUNTIME_ERROR, "num_heads", "above 0", "num_heads " + heads);
  }

  @Test
  void headsThatDoNotDivide() {
    assertRefused(
        bsh(half(3, 1, 64), half(3, 40, 64)).numHeads(5),
        Kind.VALUE_ERROR,
        "num_heads",
        "a divisor of H, 64",
        "num_heads 5");
    assertRefused(
        bsh(half(3, 1, 64), half(3, 40, 64)).numHeads(4).numKeyValueHeads(3),
        Kind.VALUE_ERROR,
        "num_heads",
        "a multiple of num_key_value_heads, 3",
        "num_heads 4");
    assertRefused(
        bsh(half(3, 1, 64), half(3, 40, 33)).numHeads(4).numKeyValueHeads(2),
        Kind.VALUE_ERROR,
        "num_key_value_heads",
        "a divisor of kvH, 33");
    assertRefused(
        call().numKeyValueHeads(-2), Kind.VALUE_ERROR, "num_key_value_heads", "at least 0");
  }

  @Test
  void headsUnlikeTheTensors() {
    assertRefused(
        call().numHeads(2), Kind.VALUE_ERROR, "num_heads", "the N of query, 4", "num_heads 2");
    assertRefused(
        over(half(3, 1, 4, 16), half(3, 40, 2, 16)).inputLayout("BSND").numHeads(8),
        Kind.VALUE_ERROR,
        "num_heads",
        "the N of query, 4");
    assertRefused(call().numKeyValueHeads(0), Kind.VALUE_ERROR, "key", "4 heads of 16 columns");
  }

  @ParameterizedTest
  @ValueSource(strings = {"BSSH", "SBH", "TND", "bsh", ""})
  void inputLayout(String layout) {
    assertRefused(
        call().inputLayout(layout),
        Kind.VALUE_ERROR,
        "input_layout",
        "BSH, BNSD or BSND",
        '"' + layout + '"');
  }

  @Test
  @SuppressWarnings("NullAway") // the one value of a Java String that is none
  void inputLayoutThatIsNoString() {
    assertRefused(call().inputLayout(null), Kind.TYPE_ERROR, "input_layout", "a string");
  }

  @Test
  void scaleValue() {
    for (double scale : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
      assertRefused(
          call().scaleValue(scale), Kind.VALUE_ERROR, "scale_value", String.valueOf(scale));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 2})
  void innerPrecise(int mode) {
    assertRefused(
        call().innerPrecise(mode), Kind.VALUE_ERROR, "inner_precise", "0 or 1", "got " + mode);
  }

  @Test
  void numberOfLengths() {
    for (int[] lengths : new int[][] {{}, {1, 2}, {1, 2, 3, 4}}) {
      assertRefused(
          call().actualSeqLengths(lengths),
          Kind.VALUE_ERROR,
          "actual_seq_lengths",
          "1 or B = 3",
          "got " + lengths.length);
    }
    assertRefused(
        call().actualSeqLengths(Tensor.zeros(DType.INT64, 3, 1)),
        Kind.VALUE_ERROR,
        "actual_seq_lengths",
        "INT64[3, 1]");
    assertRefused(
        call().actualSeqLengths(single(3)),
        Kind.TYPE_ERROR,
        "actual_seq_lengths",
        "int64",
        "FLOAT32[3]");
  }

  @Test
  void lengthsBeyondTheCache() {
    assertRefused(
        call().actualSeqLengths(1, 41, 2),
        Kind.VALUE_ERROR,
        "actual_seq_lengths",
        "from 0 to 40",
        "[1, 41, 2]");
    assertRefused(
        call().actualSeqLengths(-1), Kind.VALUE_ERROR, "actual_seq_lengths", "from 0 to 40");
    assertRefused(
        paged().actualSeqLengths(129), Kind.VALUE_ERROR, "actual_seq_lengths", "from 0 to 128");
  }

  @Test
  void shapesOfTheTensors() {
    assertRefused(over(QUERY.select(0, 0), KEY), Kind.VALUE_ERROR, "query", "rank 4");
    assertRefused(bsh(QUERY, KEY).numHeads(4), Kind.VALUE_ERROR, "query", "rank 3");
    assertRefused(over(QUERY, KEY.select(0, 0)), Kind.VALUE_ERROR, "key", "rank of query, 4");
    assertRefused(over(QUERY, half(2, 2, 40, 16)), Kind.VALUE_ERROR, "key", "3 sequences");
    assertRefused(over(QUERY, half(3, 2, 40, 15)), Kind.VALUE_ERROR, "key", "16 columns");
    assertRefused(
        IncreFlashAttention.of(QUERY, KEY, half(3, 2, 41, 16))
            .inputLayout("BNSD")
            .numHeads(4)
            .numKeyValueHeads(2),
        Kind.VALUE_ERROR,
        "value",
        "the shape of key, [3, 2, 40, 16]",
        "FLOAT16[3, 2, 41, 16]");
  }

  @Test
  void emptyTensors() {
    assertRefused(over(half(3, 4, 0, 16), KEY), Kind.VALUE_ERROR, "query", "not empty");
    assertRefused(over(QUERY, half(3, 2, 0, 16)), Kind.VALUE_ERROR, "key", "not empty");
  }

  @Test
  void whereItRuns() {
    assertRefused(call().threads(-1), Kind.VALUE_ERROR, "threads");
    assertRefused(call().backend("abacus"), Kind.VALUE_ERROR, "backend", "abacus");
  }
}
