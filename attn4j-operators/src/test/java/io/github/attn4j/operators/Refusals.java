package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.RefusedException;
import io.github.attn4j.RefusedException.Kind;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.NullMarked;

/** What a refusal has to tell. */
@NullMarked
final class Refusals {
  private Refusals() {}

  /** A refusal of one argument, of one kind, whose message has certain parts. */
  static void assertRefused(ThrowingCallable call, Kind kind, String argument, String... message) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            RefusedException.class,
            refusal -> {
              assertThat(refusal.argument()).as(refusal.getMessage()).isEqualTo(argument);
              assertThat(refusal.kind()).as(refusal.getMessage()).isEqualTo(kind);
              for (String part : message) {
                assertThat(refusal).hasMessageContaining(part);
              }
            })
        .hasMessageStartingWith(argument + ": ");
  }
}
