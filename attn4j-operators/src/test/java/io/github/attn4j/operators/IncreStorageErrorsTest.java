package io.github.attn4j.operators;

import static io.github.attn4j.operators.IncreRefusals.INT8;
import static io.github.attn4j.operators.IncreRefusals.KEY;
import static io.github.attn4j.operators.IncreRefusals.PAGES;
import static io.github.attn4j.operators.IncreRefusals.QUERY;
import static io.github.attn4j.operators.IncreRefusals.TABLE;
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
import io.github.attn4j.Quantization;
import io.github.attn4j.RefusedException.Kind;
import io.github.attn4j.Tensor;
import java.util.List;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The same for scales, pages, padding and keys in several tensors. */
@NullMarked
class IncreStorageErrorsTest {
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
}
