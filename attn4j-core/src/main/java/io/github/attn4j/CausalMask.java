package io.github.attn4j;

/**
 * Keys up to the query's own place.
 *
 * @param alignment where the diagonal lies when query and key differ in length
 */
public record CausalMask(Alignment alignment) implements Mask {
  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    return j <= i + alignment.offset(extent);
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
      ends[n0][j] = Math.clamp((long) j - offset, 0, extent.seqlenQ());
    }
  }
}
