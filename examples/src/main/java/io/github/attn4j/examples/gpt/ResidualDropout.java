package io.github.attn4j.examples.gpt;

/**
 * Dropout of what a branch adds to the residual stream. Whether an element is kept is a function of
 * seed, step, branch and place alone, so nothing is stored for the backward.
 *
 * @param p probability of dropping, in [0, 1)
 * @param seed of the training
 * @param step of the training
 */
record ResidualDropout(double p, long seed, long step) {
  static final ResidualDropout NONE = new ResidualDropout(0, 0, 0);

  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  /** {@code x += drop(y)} on {@code [from, to)}, multiples of four. */
  void add(int branch, float[] y, float[] x, int from, int to) {
    long key = key(branch);
    int limit = limit();
    float factor = 65536f / limit;
    for (int i = from; i < to; i += 4) {
      long bits = mix(key + (i >>> 2) * GOLDEN);
      for (int lane = 0; lane < 4; lane++) {
        x[i + lane] += y[i + lane] * (factor * kept(bits, lane, limit));
      }
    }
  }

  /** {@code y = drop(x)} on {@code [from, to)}, multiples of four: the backward of {@link #add}. */
  void copy(int branch, float[] x, float[] y, int from, int to) {
    long key = key(branch);
    int limit = limit();
    float factor = 65536f / limit;
    for (int i = from; i < to; i += 4) {
      long bits = mix(key + (i >>> 2) * GOLDEN);
      for (int lane = 0; lane < 4; lane++) {
        y[i + lane] = x[i + lane] * (factor * kept(bits, lane, limit));
      }
    }
  }

  /** Sixteen random bits decide: below the limit an element is kept. */
  private int limit() {
    return (int) Math.round((1 - p) * 65536);
  }

  /** 1 or 0, without a branch that nobody could predict. */
  private static int kept(long bits, int lane, int limit) {
    return ((int) ((bits >>> (16 * lane)) & 0xffff) - limit) >>> 31;
  }

  private long key(int branch) {
    return mix(mix(mix(seed) + step) + branch);
  }

  /** The finaliser of SplitMix64 (Steele, Lea and Flood, 2014). */
  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
