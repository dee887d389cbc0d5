package io.github.attn4j.internal;

/**
 * The generator of {@link Philox} for up to 64 neighbouring first counters at once, in loops of a
 * form that C2 makes vector instructions of: each is over lanes, words are kept in longs, and
 * factors are seen to have 32 bits, so that one multiplication of unsigned halves does.
 */
final class PhiloxLanes {
  /** As many as a word of a tile's bits has rows. */
  static final int MOST = 64;

  private static final long LOW = 0xffffffffL;

  private final long[][] words = new long[4][MOST];
  private int count;

  /** Draws the blocks of the counters {@code (c0 + lane, c1, c2, c3)}, {@code count} of them. */
  void draw(int count, int key0, int key1, int c0, int c1, int c2, int c3) {
    this.count = count;
    long[] x0 = words[0];
    long[] x1 = words[1];
    long[] x2 = words[2];
    long[] x3 = words[3];
    for (int lane = 0; lane < count; lane++) {
      x0[lane] = (c0 + lane) & LOW;
      x1[lane] = c1 & LOW;
      x2[lane] = c2 & LOW;
      x3[lane] = c3 & LOW;
    }
    for (int n = 0; n < Philox.ROUNDS; n++) {
      round(count, key0 & LOW, key1 & LOW, x0, x1, x2, x3);
      key0 += Philox.WEYL_0;
      key1 += Philox.WEYL_1;
    }
  }

  /** One round in a loop: two would spare memory, but C2 makes no vectors of them. */
  private static void round(
      int count, long key0, long key1, long[] x0, long[] x1, long[] x2, long[] x3) {
    for (int lane = 0; lane < count; lane++) {
      long product0 = (x0[lane] & LOW) * (Philox.MULTIPLIER_0 & LOW);
      long product1 = (x2[lane] & LOW) * (Philox.MULTIPLIER_1 & LOW);
      x0[lane] = (product1 >>> 32) ^ x1[lane] ^ key0;
      x1[lane] = product1 & LOW;
      x2[lane] = (product0 >>> 32) ^ x3[lane] ^ key1;
      x3[lane] = product0 & LOW;
    }
  }

  /** A bit for each lane whose word {@code 0 .. 3}, unsigned, is not below a threshold. */
  long notBelow(int word, long threshold) {
    long[] x = words[word];
    long bits = 0;
    for (int lane = 0; lane < count; lane++) {
      // The difference is negative, with ones in front, if it is below.
      bits |= (~(x[lane] - threshold) >>> 63) << lane;
    }
    return bits;
  }
}
