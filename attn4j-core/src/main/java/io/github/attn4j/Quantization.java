package io.github.attn4j;

import org.jspecify.annotations.Nullable;

/**
 * How the integers of a key or value stand for numbers: {@code (integer + offset) * scale}.
 *
 * <p>Scale and offset broadcast against the tensor they belong to, seen as (entry, kvHead, row,
 * column): one number per channel is (1, kvHeads, 1, dim), per token and head (batch, kvHeads,
 * rows, 1), per tensor (1, 1, 1, 1). With pages the entries are pages, and the rows those of a
 * page.
 *
 * @param bits 8: one INT8 per element; 4: two elements per INT8, the first in the low half, each
 *     from −8 to 7, so that the tensor has {@code ceil(dim / 2)} columns
 * @param scale floating, of rank 4
 * @param offset floating, of rank 4, or null for none
 */
public record Quantization(int bits, Tensor scale, @Nullable Tensor offset) {
  /**
   * Checks bits, dtypes and ranks; the extents are checked by the call.
   *
   * @throws RefusedException naming {@code bits}, {@code scale} or {@code offset}
   */
  public Quantization {
    if (bits != 8 && bits != 4) {
      throw RefusedException.value("bits", "expected 8 or 4, got " + bits);
    }
    check("scale", scale);
    if (offset != null) {
      check("offset", offset);
    }
  }

  private static void check(String name, Tensor tensor) {
    if (!tensor.dtype().isFloating()) {
      throw RefusedException.type(name, "expected a floating dtype, got " + tensor);
    }
    if (tensor.rank() != 4) {
      throw RefusedException.value(
          name, "expected (entries, kvHeads, rows, columns), each or 1, got " + tensor);
    }
  }

  /**
   * Eight bits per element.
   *
   * @param scale floating, of rank 4
   * @param offset floating, of rank 4, or null
   * @return the rule
   */
  public static Quantization int8(Tensor scale, @Nullable Tensor offset) {
    return new Quantization(8, scale, offset);
  }

  /**
   * Four bits per element.
   *
   * @param scale floating, of rank 4
   * @param offset floating, of rank 4, or null
   * @return the rule
   */
  public static Quantization int4(Tensor scale, @Nullable Tensor offset) {
    return new Quantization(4, scale, offset);
  }
}
