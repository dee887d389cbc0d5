package io.github.attn4j;

import java.util.Arrays;

/**
 * A causal mask under which the first keys of each sequence are visible to every query (prefix-LM).
 */
public final class PrefixMask implements Mask {
  private final int[] lengths;
  private final Alignment alignment;

  /**
   * A causal mask with visible prefixes.
   *
   * @param lengths visible keys per sequence, or one number for all; each at least 0
   * @param alignment where the diagonal lies when query and key differ in length
   */
  public PrefixMask(int[] lengths, Alignment alignment) {
    if (lengths.length == 0 || Arrays.stream(lengths).anyMatch(n -> n < 0)) {
      throw RefusedException.value(
          "prefix", "expected one length >= 0 per sequence, got " + Arrays.toString(lengths));
    }
    this.lengths = lengths.clone();
    this.alignment = alignment;
  }

  /**
   * Where the diagonal lies.
   *
   * @return the alignment
   */
  public Alignment alignment() {
    return alignment;
  }

  /**
   * How many keys of a sequence every query sees.
   *
   * @param b the sequence
   * @return keys, the first ones
   */
  public int length(int b) {
    return lengths[lengths.length == 1 ? 0 : b];
  }

  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    return j < length(b) || j <= i + alignment.offset(extent);
  }

  @Override
  public int intervals() {
    return 1;
  }

  @Override
  public void lower(int b, int h, Extent extent, int n0, int[][] starts, int[][] ends) {
    int offset = alignment.offset(extent);
    for (int j = 0; j < extent.seqlenK(); j++) {
      starts[n0][j] = 0;
      ends[n0][j] = j < length(b) ? 0 : Math.clamp((long) j - offset, 0, extent.seqlenQ());
    }
  }

  @Override
  public int batches() {
    return lengths.length;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PrefixMask mask
        && Arrays.equals(lengths, mask.lengths)
        && alignment == mask.alignment;
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(lengths) + alignment.hashCode();
  }

  @Override
  public String toString() {
    return "PrefixMask" + Arrays.toString(lengths);
  }
}
