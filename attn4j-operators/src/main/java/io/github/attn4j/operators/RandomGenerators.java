package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

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

  /** Refuses a {@code fixed_seed_offset} that is no pair. */
  static void checkFixed(@Nullable Tensor pair) {
    if (pair != null && pair.dtype() != DType.INT64) {
      throw RefusedException.type("fixed_seed_offset", "expected int64 [2], got " + pair);
    }
    if (pair != null && !pair.hasShape(2)) {
      throw RefusedException.value("fixed_seed_offset", "expected int64 [2], got " + pair);
    }
  }

  /**
   * The fixed pair, or the generator's next for a call of Paddle's operators; like theirs, a call
   * without dropout draws one too.
   */
  static long[] pair(@Nullable Tensor fixed, String name, long batch, long heads) {
    return fixed == null
        ? next(name, batch * heads * 32)
        : new long[] {fixed.getLong(0), fixed.getLong(1)};
  }
}
