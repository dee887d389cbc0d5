package io.github.attn4j.spi;

import io.github.attn4j.Extent;

/**
 * Which probabilities a call drops, for any block of elements; see {@link
 * io.github.attn4j.Dropout}.
 */
public interface DropoutBits extends ElementBits {
  /**
   * Whether one probability is kept.
   *
   * @param b the sequence
   * @param h the query head
   * @param i the query row within the sequence
   * @param j the key row within the sequence
   * @param extent the sizes of the sequence
   * @return false if it is dropped
   */
  boolean keeps(int b, int h, int i, int j, Extent extent);

  /**
   * What a kept probability is multiplied by.
   *
   * @return {@code 1 / (1 - p)}
   */
  double keptFactor();
}
