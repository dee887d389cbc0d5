package io.github.attn4j.testkit;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Random problems over the whole product of features, forward and backward, against the float64
 * reference.
 */
public interface RandomContract {
  /** The name of the backend under test. */
  String backend();

  /** How many random cases a normal run tries, unless {@link Cases#COUNT} says otherwise. */
  default int cases() {
    return 300;
  }

  /** Every feature composes with every other. */
  @Test
  default void randomProblemsAgreeWithTheReference() {
    Long seed = Long.getLong(Cases.SEED);
    if (seed != null) {
      CaseRunner.check(backend(), Cases.draw(seed));
      return;
    }
    run(0, Integer.getInteger(Cases.COUNT, cases()));
  }

  /** The same for minutes, with other seeds each time; a failure prints its seed. */
  @Test
  @Tag("soak")
  default void manyRandomProblemsAgreeWithTheReference() {
    run(System.currentTimeMillis() << 16, Integer.getInteger(Cases.COUNT, 5000));
  }

  private void run(long firstSeed, int count) {
    List<String> failures = new ArrayList<>();
    AssertionError first = null;
    int failed = 0;
    for (long seed = firstSeed; seed < firstSeed + count; seed++) {
      AttentionCase c = Cases.draw(seed);
      try {
        CaseRunner.check(backend(), c);
      } catch (AssertionError failure) {
        failed++;
        if (failures.size() < 20) {
          failures.add(String.valueOf(failure.getMessage()));
        }
        if (first == null) {
          first = Shrinker.shrink(c, failure, smaller -> CaseRunner.check(backend(), smaller));
        }
      }
    }
    if (first != null) {
      throw new AssertionError(
          ("%d of %d random cases fail. Made smaller, the first is%n%s%n"
                  + "Failing cases (-D%s= runs one):%n%s")
              .formatted(
                  failed, count, first.getMessage(), Cases.SEED, String.join("\n", failures)),
          first);
    }
  }
}
