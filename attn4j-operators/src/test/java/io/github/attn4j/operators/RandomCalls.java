package io.github.attn4j.operators;

import io.github.attn4j.testkit.Cases;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.NullMarked;

/**
 * Runs random calls of an operator: as many as the property {@code attn4j.operator.cases} says, or
 * the one of {@code attn4j.seed}. A failure prints the seeds that fail.
 */
@NullMarked
final class RandomCalls {
  /** How many random calls of each operator a run tries. */
  private static final String COUNT = "attn4j.operator.cases";

  private RandomCalls() {}

  /** Runs calls of consecutive seeds. */
  static void run(LongConsumer check) {
    Long only = Long.getLong(Cases.SEED);
    if (only != null) {
      check.accept(only);
      return;
    }
    int count = Integer.getInteger(COUNT, 300);
    List<String> failures = new ArrayList<>();
    Throwable first = null;
    for (long seed = 0; seed < count; seed++) {
      try {
        check.accept(seed);
      } catch (AssertionError | RuntimeException failure) {
        first = first == null ? failure : first;
        failures.add(seed + ": " + failure.getMessage());
      }
    }
    if (first != null) {
      throw new AssertionError(
          "%d of %d random calls fail (-D%s= runs one):%n%s"
              .formatted(
                  failures.size(),
                  count,
                  Cases.SEED,
                  String.join("\n", failures.subList(0, Math.min(10, failures.size())))),
          first);
    }
  }
}
