package io.github.attn4j.internal;

/**
 * Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3" (SC 2011): 128 bits of counter and 64 of key give 128 random bits, without state.
 */
public final class Philox {
  static final int ROUNDS = 10;
  static final int MULTIPLIER_0 = 0xD2511F53;
  static final int MULTIPLIER_1 = 0xCD9E8D57;
  static final int WEYL_0 = 0x9E3779B9;
  static final int WEYL_1 = 0xBB67AE85;

  private Philox() {}

  /** Writes the four words of one counter into {@code out}. */
  public static void block(int key0, int key1, int c0, int c1, int c2, int c3, int[] out) {
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = (c0 & 0xffffffffL) * (MULTIPLIER_0 & 0xffffffffL);
      long product1 = (c2 & 0xffffffffL) * (MULTIPLIER_1 & 0xffffffffL);
      c0 = (int) (product1 >>> 32) ^ c1 ^ key0;
      c1 = (int) product1;
      c2 = (int) (product0 >>> 32) ^ c3 ^ key1;
      c3 = (int) product0;
      key0 += WEYL_0;
      key1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
  }
}
