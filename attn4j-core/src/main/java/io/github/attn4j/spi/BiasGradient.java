package io.github.attn4j.spi;

/**
 * Where the gradient of a bias is summed. Not safe for several threads at the same element: which
 * scores have elements of their own, the three questions tell.
 */
public interface BiasGradient {
  /**
   * Adds to the elements of neighbouring keys.
   *
   * @param b the sequence
   * @param h the query head
   * @param i the query row within the sequence
   * @param key0 first key
   * @param keys how many
   * @param amounts what to add, from index 0; gradients with respect to the bias as it joined
   */
  void add(int b, int h, int i, int key0, int keys, double[] amounts);

  /**
   * Whether different keys have different elements.
   *
   * @return false if a sum runs over keys
   */
  boolean perKey();

  /**
   * Whether different heads have different elements.
   *
   * @return false if a sum runs over heads
   */
  boolean perHead();

  /**
   * Whether different sequences have different elements.
   *
   * @return false if a sum runs over sequences
   */
  boolean perSequence();
}
