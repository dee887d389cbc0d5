package io.github.attn4j.testkit;

import io.github.attn4j.DType;
import org.jspecify.annotations.Nullable;

/**
 * How a case keeps its keys and values, as a cache does.
 *
 * @param pageSize keys per page, or 0 for one piece
 * @param key what the key's integers stand for, or null for floating ones
 * @param value what the value's integers stand for; null exactly if key is
 */
record StoredAs(int pageSize, @Nullable Integers key, @Nullable Integers value) {
  /** What shares one scale (and offset). */
  enum Grain {
    TENSOR,
    CHANNEL,
    TOKEN,
    TOKEN_OF_ALL_HEADS
  }

  /**
   * Integers instead of numbers.
   *
   * @param bits 8 or 4
   * @param grain what shares one scale
   * @param offset whether there are offsets too
   * @param factors dtype of scale and offset
   */
  record Integers(int bits, Grain grain, boolean offset, DType factors) {
    /** Columns of the tensor that so many numbers take. */
    int stored(int columns) {
      return bits == 4 ? (columns + 1) / 2 : columns;
    }
  }
}
