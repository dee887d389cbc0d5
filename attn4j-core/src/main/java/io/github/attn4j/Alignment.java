package io.github.attn4j;

/**
 * Where the diagonal of a causal, window or prefix mask lies when query and key differ in length.
 */
public enum Alignment {
  /**
   * The first query stands beside the first key: key {@code j} has the place of query {@code i =
   * j}.
   */
  TOP_LEFT,
  /**
   * The last query stands beside the last key: query {@code i} has the place {@code i + seqlenK -
   * seqlenQ}.
   */
  BOTTOM_RIGHT;

  /**
   * The place of query 0 among the keys.
   *
   * @param extent the sizes of the sequence
   * @return 0, or seqlenK − seqlenQ
   */
  public int offset(Extent extent) {
    return this == TOP_LEFT ? 0 : extent.offset();
  }
}
