package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.RefusedException;
import io.github.attn4j.RefusedException.Kind;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The conditions that the operator's document and the sources behind it list, one by one. */
@NullMarked
class IncreFlashAttentionErrorsTest {
  private static final Tensor QUERY = half(3, 4, 1, 16);
  private static final Tensor KEY = half(3, 2, 40, 16);
  private static final Tensor PAGES = half(9, 2, 32, 16);
  private static final Tensor TABLE = Tensor.zeros(DType.INT32, 3, 4);
  private static final Tensor INT8 = Tensor.zeros(DType.INT8, 3, 2, 40, 16);

  private static Tensor half(long... shape) {
    return Tensor.zeros(DType.FLOAT16, shape);
  }

  private static Tensor single(long... shape) {
    return Tensor.zeros(DType.FLOAT32, shape);
  }

  private static IncreFlashAttention over(Tensor query, Tensor key) {
    return IncreFlashAttention.of(query, key, key)
        .inputLayout("BNSD")
        .numHeads(4)
        .numKeyValueHeads(2)
        .backend("reference");
  }

  private static IncreFlashAttention call() {
    return over(QUERY, KEY);
  }

  private static IncreFlashAttention paged() {
    return over(QUERY, PAGES).blockTable(TABLE).blockSize(32).actualSeqLengths(100, 0, 128);
  }

  private static IncreFlashAttention bsh(Tensor query, Tensor key) {
    return IncreFlashAttention.of(query, key, key).backend("reference");
  }

  private static long[] shape(String text) {
    return Arrays.stream(text.split(" ", -1)).mapToLong(Long::parseLong).toArray();
  }

  private static void assertRefused(
      IncreFlashAttention call, Kind kind, String argument, String... message) {
    assertThatThrownBy(call::forward)
        .isInstanceOfSatisfying(
            RefusedException.class,
            e -> {
              assertThat(e.argument()).as(e.getMessage()).isEqualTo(argument);
              assertThat(e.kind()).as(e.getMessage()).isEqualTo(kind);
              for (String part : message) {
                assertThat(e).hasMessageContaining(part);
              }
            })
        .hasMessageStartingWith(argument + ": ");
  }

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
  void scalesThatAreNotInUse() {
    Tensor scale = single(1);
    assertRefused(
        call().dequantScale1(scale), Kind.RUNTIME_ERROR, "dequant_scale1", "None", "FLOAT32[1]");
    assertRefused(call().quantScale1(scale), Kind.RUNTIME_ERROR, "quant_scale1", "None");
    assertRefused(call().dequantScale2(scale), Kind.RUNTIME_ERROR, "dequant_scale2", "None");
    assertRefused(
        call().quantScale1(half(1)), Kind.TYPE_ERROR, "quant_scale1", "float32", "FLOAT16[1]");
  }

  @Test
  void dtypesOfTheOutputsScales() {
    assertRefused(
        call().quantScale2(half(1)), Kind.TYPE_ERROR, "quant_scale2", "float32", "FLOAT16[1]");
    assertRefused(
        call().quantScale2(single(1)).quantOffset2(half(1)),
        Kind.TYPE_ERROR,
        "quant_offset2",
        "float32",
        "FLOAT16[1]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"2", "4 1", "4 1 10", "16", "4 1 1 16", "3 64", "2 4 1 16"})
  void shapeOfQuantScale2(String shape) {
    Tensor scale = single(shape(shape));
    assertRefused(
        call().quantScale2(scale),
        Kind.VALUE_ERROR,
        "quant_scale2",
        "4 heads and 16 columns",
        scale.toString());
  }

  @Test
  void quantOffset2AloneOrOfAnotherShape() {
    assertRefused(
        call().quantOffset2(single(1)), Kind.RUNTIME_ERROR, "quant_offset2", "FLOAT32[1] alone");
    assertRefused(
        call().quantScale2(single(64)).quantOffset2(single(1)),
        Kind.VALUE_ERROR,
        "quant_offset2",
        "[64]",
        "FLOAT32[1]");
  }

  @Test
  void perChannelOutputOverPages() {
    assertRefused(
        paged().quantScale2(single(4, 16)),
        Kind.RUNTIME_ERROR,
        "quant_scale2",
        "together with block_table",
        "FLOAT32[4, 16]");
  }

  @Test
  void integersWithoutScaleAndTheOtherWayRound() {
    assertRefused(
        over(QUERY, INT8),
        Kind.RUNTIME_ERROR,
        "antiquant_scale",
        "a scale for key and value of int8",
        INT8.toString());
    assertRefused(
        call().antiquantOffset(half(2)), Kind.RUNTIME_ERROR, "antiquant_scale", "got none");
    assertRefused(
        call().antiquantScale(half(2)),
        Kind.TYPE_ERROR,
        "key",
        "int8 beside antiquant_scale",
        KEY.toString());
  }

  @Test
  void dtypesOfAntiquant() {
    assertRefused(
        over(QUERY, INT8).antiquantScale(single(2)),
        Kind.TYPE_ERROR,
        "antiquant_scale",
        "the dtype of query, FLOAT16",
        "FLOAT32[2]");
    assertRefused(
        over(QUERY, INT8).antiquantScale(half(2)).antiquantOffset(single(2)),
        Kind.TYPE_ERROR,
        "antiquant_offset",
        "the dtype of antiquant_scale, FLOAT16",
        "FLOAT32[2]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "3", "2 16", "2 2 8", "2 2 2 16", "2 4 1 16", "1 2 1 16", "2 64"})
  void shapesOfAntiquant(String shape) {
    Tensor scale = half(shape(shape));
    assertRefused(
        over(QUERY, INT8).antiquantScale(scale),
        Kind.VALUE_ERROR,
        "antiquant_scale",
        "(2, kvH) of 2 heads and 16 columns",
        scale.toString());
    assertRefused(
        over(QUERY, INT8).antiquantScale(half(2, 2, 16)).antiquantOffset(scale),
        Kind.VALUE_ERROR,
        "antiquant_offset",
        "[2, 2, 16]",
        scale.toString());
  }

  @Test
  void separateRules() {
    Quantization rule = Quantization.int8(single(1, 1, 1, 1), null);
    Quantization nibbles = Quantization.int4(single(1, 1, 1, 1), null);
    assertRefused(over(QUERY, INT8).keyAntiquant(rule), Kind.VALUE_ERROR, "value_antiquant");
    assertRefused(
        over(QUERY, INT8).keyAntiquant(rule).valueAntiquant(nibbles),
        Kind.VALUE_ERROR,
        "value_antiquant",
        "as many bits");
    assertRefused(
        over(QUERY, INT8).keyAntiquant(rule).valueAntiquant(rule).antiquantScale(half(2)),
        Kind.RUNTIME_ERROR,
        "key_antiquant",
        "beside antiquant_scale");
    assertRefused(
        call().keyAntiquant(rule).valueAntiquant(rule), Kind.TYPE_ERROR, "key", "int8 beside");
    assertRefused(
        over(QUERY, INT8).keyAntiquant(nibbles).valueAntiquant(nibbles),
        Kind.VALUE_ERROR,
        "key",
        "2 heads of 8 columns");
    Quantization tooLong = Quantization.int8(single(3, 2, 39, 1), null);
    assertRefused(
        over(QUERY, INT8).keyAntiquant(tooLong).valueAntiquant(rule),
        Kind.VALUE_ERROR,
        "key_antiquant",
        "FLOAT32[3, 2, 39, 1]");
    assertRefused(
        over(QUERY, INT8).keyAntiquant(rule).valueAntiquant(tooLong),
        Kind.VALUE_ERROR,
        "value_antiquant");
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
  void kvPaddingSize() {
    assertRefused(
        call().actualSeqLengths(3).kvPaddingSize(single(1)),
        Kind.TYPE_ERROR,
        "kv_padding_size",
        "int64",
        "FLOAT32[1]");
    for (Tensor size :
        new Tensor[] {Tensor.zeros(DType.INT64, 3), Tensor.zeros(DType.INT64, 1, 1)}) {
      assertRefused(
          call().actualSeqLengths(3).kvPaddingSize(size),
          Kind.VALUE_ERROR,
          "kv_padding_size",
          "() or (1)",
          size.toString());
    }
    assertRefused(
        paged().kvPaddingSize(Tensor.zeros(DType.INT64, 1)),
        Kind.RUNTIME_ERROR,
        "kv_padding_size",
        "together with block_table");
  }

  @Test
  void blockTable() {
    assertRefused(
        paged().blockTable(Tensor.zeros(DType.INT64, 3, 4)),
        Kind.TYPE_ERROR,
        "block_table",
        "int32",
        "INT64[3, 4]");
    for (Tensor table :
        new Tensor[] {Tensor.zeros(DType.INT32, 12), Tensor.zeros(DType.INT32, 2, 4)}) {
      assertRefused(
          paged().blockTable(table),
          Kind.VALUE_ERROR,
          "block_table",
          "B at least 3",
          table.toString());
    }
    assertRefused(
        paged().blockTable(Tensor.zeros(DType.INT32, 3, 16385)),
        Kind.VALUE_ERROR,
        "block_table",
        "at most 16384",
        "INT32[3, 16385]");
    assertThat(paged().blockTable(Tensor.zeros(DType.INT32, 3, 16384)).forward().attentionOut())
        .hasToString("FLOAT16[3, 4, 1, 16]");
    assertRefused(
        paged().actualSeqLengths((int[]) null),
        Kind.RUNTIME_ERROR,
        "actual_seq_lengths",
        "together with block_table");
  }

  @ParameterizedTest
  @CsvSource({"0 1, 9", "2 3, -1", "0 3, 12345"})
  void pagesThatAreNotThere(String place, int page) {
    Tensor table = TABLE.copy();
    table.setLong(page, shape(place));
    assertRefused(
        paged().blockTable(table),
        Kind.VALUE_ERROR,
        "block_table",
        "pages from 0 to 8",
        "got " + page);
  }

  @ParameterizedTest
  @CsvSource({
    "FLOAT16, 0",
    "FLOAT16, -16",
    "FLOAT16, 8",
    "FLOAT16, 24",
    "FLOAT16, 528",
    "INT8, 16",
    "INT8, 48",
    "INT8, 544"
  })
  void blockSize(DType dtype, int size) {
    Tensor pages = Tensor.zeros(dtype, 9, 2, Math.max(size, 1), 16);
    IncreFlashAttention call = over(QUERY, pages).blockTable(TABLE).actualSeqLengths(1);
    assertRefused(
        call.antiquantScale(dtype == DType.INT8 ? half(2) : null).blockSize(size),
        Kind.VALUE_ERROR,
        "block_size",
        dtype == DType.INT8 ? "a multiple of 32" : "a multiple of 16",
        "512",
        "got " + size);
  }

  @Test
  void shapesOfPages() {
    assertRefused(
        paged().blockSize(16), Kind.VALUE_ERROR, "key", "block_size 16", PAGES.toString());
    assertRefused(
        bsh(half(3, 1, 64), PAGES)
            .numHeads(4)
            .numKeyValueHeads(2)
            .blockTable(TABLE)
            .blockSize(32)
            .actualSeqLengths(1),
        Kind.VALUE_ERROR,
        "key",
        "[9, 32, 32]");
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
  void listsOfTensors() {
    Tensor one = half(1, 2, 40, 16);
    assertRefused(
        IncreFlashAttention.of(QUERY, List.of(), List.of()),
        Kind.VALUE_ERROR,
        "key",
        "exactly one");
    assertRefused(
        IncreFlashAttention.of(QUERY, List.of(one, one), List.of(one, one)),
        Kind.VALUE_ERROR,
        "key",
        "one per sequence");
    assertRefused(
        IncreFlashAttention.of(QUERY, List.of(one, one, one), List.of(one)),
        Kind.VALUE_ERROR,
        "value",
        "one per sequence");
    List<Tensor> three = List.of(one, one, half(1, 2, 30, 16));
    IncreFlashAttention call =
        IncreFlashAttention.of(QUERY, three, three)
            .inputLayout("BNSD")
            .numHeads(4)
            .numKeyValueHeads(2);
    assertRefused(call.actualSeqLengths(1, 2), Kind.VALUE_ERROR, "actual_seq_lengths", "B = 3");
    assertRefused(
        call.actualSeqLengths(1, 2, 31), Kind.VALUE_ERROR, "actual_seq_lengths", "from 0 to 30");
    assertRefused(
        call.actualSeqLengths(1, 2, 3).attnMask(Tensor.zeros(DType.BOOL, 3, 30)),
        Kind.RUNTIME_ERROR,
        "attn_mask",
        "S = 40");
    assertRefused(
        call.attnMask(null).blockTable(TABLE),
        Kind.RUNTIME_ERROR,
        "block_table",
        "one tensor each");
  }

  @Test
  void sharedPrefix() {
    Tensor prefix = half(1, 2, 5, 16);
    assertRefused(call().sharedPrefix(prefix, null), Kind.VALUE_ERROR, "shared_prefix", "both");
    assertRefused(
        call().sharedPrefix(half(3, 2, 5, 16), half(3, 2, 5, 16)),
        Kind.VALUE_ERROR,
        "shared_prefix",
        "one sequence",
        "FLOAT16[3, 2, 5, 16]");
    assertRefused(
        call().sharedPrefix(prefix, half(1, 2, 6, 16)), Kind.VALUE_ERROR, "shared_prefix");
    assertRefused(
        call().sharedPrefix(prefix, prefix.to(DType.FLOAT32)),
        Kind.TYPE_ERROR,
        "shared_prefix",
        "dtype of key or of query");
    assertRefused(
        call().sharedPrefix(prefix, prefix).attnMask(Tensor.zeros(DType.BOOL, 3, 40)),
        Kind.RUNTIME_ERROR,
        "attn_mask",
        "S = 45");
  }

  @Test
  void whereItRuns() {
    assertRefused(call().threads(-1), Kind.VALUE_ERROR, "threads");
    assertRefused(call().backend("abacus"), Kind.VALUE_ERROR, "backend", "abacus");
  }
}
