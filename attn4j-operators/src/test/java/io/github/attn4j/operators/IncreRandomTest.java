package io.github.attn4j.operators;

import io.github.attn4j.testkit.Cases;
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
    Long only = Long.getLong(Cases.SEED);
    long first = only == null ? 0 : only;
    int count = only == null ? Integer.getInteger("attn4j.operator.cases", 300) : 1;
    for (long seed = first; seed < first + count; seed++) {
      IncreCase c = IncreDraws.of(seed);
      for (String backend : Tensors.backends().toList()) {
        try {
          IncreExpected.check(c, c.call(backend).forward());
        } catch (AssertionError | RuntimeException failure) {
          throw new AssertionError(
              "-D%s=%d, %s, %s%n  %s".formatted(Cases.SEED, seed, backend, c, failure), failure);
        }
      }
    }
  }
}
