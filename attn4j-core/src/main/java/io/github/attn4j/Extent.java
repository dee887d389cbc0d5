package io.github.attn4j;

/**
 * The sizes a mask is seen under.
 *
 * @param seqlenQ rows of query in the sequence
 * @param seqlenK rows of key in the sequence
 * @param heads query heads
 */
public record Extent(int seqlenQ, int seqlenK, int heads) {
  /**
   * How far the places of the keys run ahead of those of the queries when both end together
   * (bottom-right alignment).
   *
   * @return seqlenK − seqlenQ
   */
  public int offset() {
    return seqlenK - seqlenQ;
  }
}
