package io.github.attn4j.operators;

import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/**
 * Random calls over the whole product of options against the oracle: what one option does to
 * another.
 */
@NullMarked
class IncreRandomTest {
  @Test
  void randomCallsAgreeWithTheOracle() {
    RandomCalls.run(IncreRandomTest::check);
  }

  private static void check(long seed) {
    IncreCase c = IncreDraws.of(seed);
    for (String backend : Tensors.backends().toList()) {
      try {
        IncreExpected.check(c, c.call(backend).forward());
      } catch (AssertionError | RuntimeException failure) {
        throw new AssertionError(backend + ", " + c + ": " + failure.getMessage(), failure);
      }
    }
  }
}
