package io.github.attn4j;

import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * Runs a property over many seeds. A failure names its seed; {@code -Dattn4j.seed=} runs that one
 * again, {@code -Dattn4j.cases=} says how many.
 */
final class Seeds {
  private Seeds() {}

  static void each(int usually, Consumer<SplittableRandom> property) {
    Long only = Long.getLong("attn4j.seed");
    int cases = only == null ? Math.min(usually, Integer.getInteger("attn4j.cases", usually)) : 1;
    for (long n = 0; n < cases; n++) {
      long seed = only == null ? n : only;
      try {
        property.accept(new SplittableRandom(seed));
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("replay with -Dattn4j.seed=" + seed + ": " + e.getMessage(), e);
      }
    }
  }
}
