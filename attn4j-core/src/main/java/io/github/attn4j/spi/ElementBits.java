package io.github.attn4j.spi;

import io.github.attn4j.Extent;

/**
 * What decides about single elements and has no interval form: dense masks, block masks, dropout.
 */
public interface ElementBits {
  /**
   * A block of scores and the bits that stand for it: bit {@code i & 63} of {@code visible[j *
   * wordsPerKey + i / 64]} is the score of query {@code row0 + i} and key {@code key0 + j}.
   *
   * @param row0 first query row within the sequence
   * @param rows how many query rows
   * @param key0 first key within the sequence
   * @param keys how many keys
   * @param wordsPerKey longs per key, at least {@code ceil(rows / 64)}
   */
  record Tile(int row0, int rows, int key0, int keys, int wordsPerKey) {}

  /**
   * Clears the bits of the elements that are masked (or dropped) and leaves the others as they are.
   *
   * @param b the sequence
   * @param h the query head
   * @param extent the sizes of the sequence
   * @param tile which block
   * @param visible the bits, as {@link Tile} describes
   */
  void clearMasked(int b, int h, Extent extent, Tile tile, long[] visible);
}
