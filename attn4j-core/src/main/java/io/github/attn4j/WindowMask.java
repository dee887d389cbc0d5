package io.github.attn4j;

/**
 * Keys from {@code left} before the query's place to {@code right} after it. Both ends may be
 * negative, which moves the window off the diagonal.
 *
 * @param left keys before the query's place, or {@link #OPEN}
 * @param right keys after the query's place, or {@link #OPEN}
 * @param alignment where the diagonal lies when query and key differ in length
 */
public record WindowMask(int left, int right, Alignment alignment) implements Mask {
  /** An end without a bound. */
  public static final int OPEN = Integer.MAX_VALUE;

  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    long place = (long) i + alignment.offset(extent);
    return (left == OPEN || j >= place - left) && (right == OPEN || j <= place + right);
  }

  @Override
  public int intervals() {
    return 2;
  }

  @Override
  public void lower(int b, int h, Extent extent, int n0, int[][] starts, int[][] ends) {
    int seqlenQ = extent.seqlenQ();
    long offset = alignment.offset(extent);
    for (int j = 0; j < extent.seqlenK(); j++) {
      // Below the window: rows whose left end has passed j.
      starts[n0][j] = left == OPEN ? seqlenQ : Math.clamp(j - offset + left + 1, 0, seqlenQ);
      ends[n0][j] = seqlenQ;
      // Above it: rows whose right end has not reached j.
      starts[n0 + 1][j] = 0;
      ends[n0 + 1][j] = right == OPEN ? 0 : Math.clamp(j - offset - right, 0, seqlenQ);
    }
  }
}
