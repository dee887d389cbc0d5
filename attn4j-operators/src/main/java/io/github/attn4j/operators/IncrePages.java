package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;

/** Caches in pages: what {@code incre_flash_attention} refuses of them, and the core's view. */
final class IncrePages {
  /** "16k". */
  private static final int MAX_PAGES = 16 * 1024;

  private static final int MAX_BLOCK_SIZE = 512;

  private IncrePages() {}

  /** The rows that a checked block table reaches. */
  static int rows(IncreFlashAttention call, IncreShape shape, Tensor table) {
    if (table.dtype() != DType.INT32) {
      throw RefusedException.type("block_table", "expected int32, got " + table);
    }
    IncreChecks.expect(
        call,
        "block_table",
        table.rank() == 2 && table.dim(0) >= shape.batch(),
        "(B, max_block_num_per_seq) with B at least " + shape.batch());
    IncreChecks.expect(
        call,
        "block_table",
        table.dim(1) <= MAX_PAGES,
        "max_block_num_per_seq of at most %d; a larger block_size needs fewer"
            .formatted(MAX_PAGES));
    int blockSize = call.blockSize;
    int unit = call.key.get(0).dtype() == DType.INT8 ? 32 : 16;
    if (blockSize <= 0 || blockSize % unit != 0 || blockSize > MAX_BLOCK_SIZE) {
      throw RefusedException.value(
          "block_size",
          "expected a multiple of %d from %d to %d for pages of %s, got %d"
              .formatted(unit, unit, MAX_BLOCK_SIZE, call.key.get(0).dtype(), blockSize));
    }
    pages(call, shape);
    combinations(call);
    return (int) table.dim(1) * blockSize;
  }

  private static void pages(IncreFlashAttention call, IncreShape shape) {
    Tensor key = call.key.get(0);
    int columns = IncreChecks.columns(call, shape);
    long blocks = key.rank() == 0 ? 0 : key.dim(0);
    long[] joined = {blocks, call.blockSize, (long) shape.kvHeads() * columns};
    long[] byHead = shape.keyShape(blocks, call.blockSize, columns);
    IncreChecks.expect(
        call,
        "key",
        key.hasShape(joined) || key.hasShape(byHead),
        "pages of block_size %d with %d heads of %d columns, %s%s"
            .formatted(
                call.blockSize,
                shape.kvHeads(),
                columns,
                Arrays.toString(joined),
                shape.layout() == Layout.BSH ? "" : " or " + Arrays.toString(byHead)));
  }

  private static void combinations(IncreFlashAttention call) {
    if (call.lengths == null && call.actualSeqLengths == null) {
      throw RefusedException.runtime(
          "actual_seq_lengths",
          "expected lengths together with block_table, got none (%s)"
              .formatted(IncreChecks.given(call)));
    }
    if (call.kvPaddingSize != null) {
      throw RefusedException.runtime(
          "kv_padding_size",
          "expected none together with block_table, got %s (%s)"
              .formatted(call.kvPaddingSize, IncreChecks.given(call)));
    }
    Tensor scale = call.quantScale2;
    if (scale != null && !IncreQuantChecks.perTensor(scale)) {
      throw RefusedException.runtime(
          "quant_scale2",
          "expected one number, (1), together with block_table, got %s (%s)"
              .formatted(scale, IncreChecks.given(call)));
    }
  }

  /** Pages as (blocks, kvHeads, block_size, columns), checked before. */
  static Tensor view(IncreShape shape, Tensor pages) {
    if (pages.rank() == 3) {
      return pages
          .reshape(pages.dim(0), pages.dim(1), shape.kvHeads(), pages.dim(2) / shape.kvHeads())
          .transpose(1, 2);
    }
    return shape.layout() == Layout.BSND ? pages.transpose(1, 2) : pages;
  }
}
