package io.github.attn4j.operators;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * The process-wide random generators that dropout draws its (seed, offset) pairs from, by name;
 * {@code ""} is the default one.
 *
 * <p>A pair names the random numbers of one call completely. The seed of a generator stays; each
 * call moves its offset on. A generator that nobody seeded takes a fresh seed at its first use.
 */
public final class RandomGenerators {
  private static final Map<String, State> STATES = new HashMap<>();
  private static final SplittableRandom FRESH = new SplittableRandom();

  private record State(long seed, long offset) {}

  private RandomGenerators() {}

  /**
   * Seeds a generator and sets its offset back to 0: the calls that follow repeat.
   *
   * @param name which generator, {@code ""} for the default one
   * @param seed the seed
   */
  public static void seed(String name, long seed) {
    synchronized (STATES) {
      STATES.put(name, new State(seed, 0));
    }
  }

  /** The pair (seed, offset) of the next call; the generator's offset moves on by {@code step}. */
  static long[] next(String name, long step) {
    synchronized (STATES) {
      State state = STATES.computeIfAbsent(name, n -> new State(FRESH.nextLong(), 0));
      STATES.put(name, new State(state.seed(), state.offset() + step));
      return new long[] {state.seed(), state.offset()};
    }
  }
}
