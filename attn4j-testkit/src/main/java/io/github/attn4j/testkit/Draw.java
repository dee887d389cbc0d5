package io.github.attn4j.testkit;

import java.util.List;
import java.util.SplittableRandom;

/** A seeded source of choices. Children draw independently of how much their parent has drawn. */
public final class Draw {
  private final long seed;
  private final SplittableRandom random;

  /**
   * Starts a source.
   *
   * @param seed the same seed draws the same choices
   */
  public Draw(long seed) {
    this.seed = seed;
    this.random = new SplittableRandom(seed);
  }

  /**
   * An independent source.
   *
   * @param salt names it; the same for the same seed and salt
   * @return another source
   */
  public Draw child(String salt) {
    return new Draw(seed * 0x9E3779B97F4A7C15L + salt.hashCode());
  }

  /**
   * A whole number.
   *
   * @param low the smallest
   * @param high the largest
   * @return a number in [low, high]
   */
  public int between(int low, int high) {
    return random.nextInt(low, high + 1);
  }

  /**
   * Random bits.
   *
   * @return any long
   */
  public long bits() {
    return random.nextLong();
  }

  /**
   * A decision.
   *
   * @param probability of true
   * @return the decision
   */
  public boolean chance(double probability) {
    return random.nextDouble() < probability;
  }

  /**
   * A number of the standard normal distribution.
   *
   * @return the number
   */
  public double gaussian() {
    return random.nextGaussian();
  }

  /**
   * One of some numbers.
   *
   * @param values the numbers
   * @return one of them
   */
  public int pick(int... values) {
    return values[random.nextInt(values.length)];
  }

  /**
   * One of some things.
   *
   * @param values the things
   * @param <T> their type
   * @return one of them
   */
  public <T> T pick(List<T> values) {
    return values.get(random.nextInt(values.size()));
  }
}
