package io.github.attn4j.testkit;

import java.util.List;
import java.util.SplittableRandom;

/** A seeded source of choices. Children draw independently of how much their parent has drawn. */
final class Draw {
  private final long seed;
  private final SplittableRandom random;

  Draw(long seed) {
    this.seed = seed;
    this.random = new SplittableRandom(seed);
  }

  /** An independent source, the same for the same seed and salt. */
  Draw child(String salt) {
    return new Draw(seed * 0x9E3779B97F4A7C15L + salt.hashCode());
  }

  /** A number in [low, high], both included. */
  int between(int low, int high) {
    return random.nextInt(low, high + 1);
  }

  long bits() {
    return random.nextLong();
  }

  boolean chance(double probability) {
    return random.nextDouble() < probability;
  }

  double gaussian() {
    return random.nextGaussian();
  }

  int pick(int... values) {
    return values[random.nextInt(values.length)];
  }

  <T> T pick(List<T> values) {
    return values.get(random.nextInt(values.size()));
  }
}
