package io.github.attn4j;

import java.util.Arrays;

/**
 * Packed documents: a query sees the keys of its own document. Rows behind the last document see
 * nothing and are seen by nobody.
 */
public final class DocumentMask implements Mask {
  private final int[] endsQ;
  private final int[] endsK;

  /**
   * Documents of given lengths, in order.
   *
   * @param lengthsQ query rows of each document
   * @param lengthsK key rows of each document, as many
   */
  public DocumentMask(int[] lengthsQ, int[] lengthsK) {
    if (lengthsQ.length != lengthsK.length) {
      throw RefusedException.value(
          "documents",
          "expected as many lengths for query as for key, got %d and %d"
              .formatted(lengthsQ.length, lengthsK.length));
    }
    endsQ = cumulate(lengthsQ);
    endsK = cumulate(lengthsK);
  }

  private static int[] cumulate(int[] lengths) {
    if (Arrays.stream(lengths).anyMatch(n -> n < 0)) {
      throw RefusedException.value(
          "documents", "expected lengths >= 0, got " + Arrays.toString(lengths));
    }
    int[] ends = lengths.clone();
    try {
      Arrays.parallelPrefix(ends, Math::addExact);
    } catch (ArithmeticException overflow) {
      throw RefusedException.value(
          "documents", "expected a total below 2^31, got " + Arrays.toString(lengths));
    }
    return ends;
  }

  /**
   * Where the documents end among the queries.
   *
   * @return per document the first query row behind it
   */
  public int[] endsQ() {
    return endsQ.clone();
  }

  /**
   * Where the documents end among the keys.
   *
   * @return per document the first key row behind it
   */
  public int[] endsK() {
    return endsK.clone();
  }

  private static int start(int[] ends, int document) {
    return document == 0 ? 0 : ends[document - 1];
  }

  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    for (int d = 0; d < endsQ.length; d++) {
      if (j >= start(endsK, d) && j < endsK[d]) {
        return i >= start(endsQ, d) && i < endsQ[d];
      }
    }
    return false;
  }

  @Override
  public int intervals() {
    return 2;
  }

  @Override
  public void lower(int b, int h, Extent extent, int n0, int[][] starts, int[][] ends) {
    int seqlenQ = extent.seqlenQ();
    int d = 0;
    for (int j = 0; j < extent.seqlenK(); j++) {
      while (d < endsK.length && j >= endsK[d]) {
        d++;
      }
      boolean padding = d == endsK.length;
      starts[n0][j] = padding ? 0 : Math.min(endsQ[d], seqlenQ);
      ends[n0][j] = seqlenQ;
      starts[n0 + 1][j] = 0;
      ends[n0 + 1][j] = padding ? 0 : Math.min(start(endsQ, d), seqlenQ);
    }
  }

  @Override
  public void check(int b, Extent extent, Extent widest) {
    int totalQ = endsQ.length == 0 ? 0 : endsQ[endsQ.length - 1];
    int totalK = endsK.length == 0 ? 0 : endsK[endsK.length - 1];
    if (totalQ > widest.seqlenQ() || totalK > widest.seqlenK()) {
      throw RefusedException.value(
          "mask",
          "expected documents of at most %d query and %d key rows, got %d and %d"
              .formatted(widest.seqlenQ(), widest.seqlenK(), totalQ, totalK));
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof DocumentMask mask
        && Arrays.equals(endsQ, mask.endsQ)
        && Arrays.equals(endsK, mask.endsK);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(endsQ) + Arrays.hashCode(endsK);
  }

  @Override
  public String toString() {
    return "DocumentMask[ends " + Arrays.toString(endsQ) + ", " + Arrays.toString(endsK) + "]";
  }
}
