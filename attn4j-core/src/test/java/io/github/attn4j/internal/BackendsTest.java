package io.github.attn4j.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.RefusedException;
import io.github.attn4j.spi.AttentionBackend;
import org.junit.jupiter.api.Test;

/**
 * No silent fallback: without a backend, or with an unknown one, the message says what there is.
 */
final class BackendsTest {
  private static AttentionSpec.Builder spec() {
    return AttentionSpec.builder().padded(1, 2, 2).heads(1, 1).dims(4, 4);
  }

  /** Core alone has only the reference, and nobody gets scalar speed by surprise. */
  @Test
  void theReferenceIsUsedByNameOnly() {
    assertThat(Attention.backends()).extracting(AttentionBackend::name).contains("reference");
    assertThat(Attention.plan(spec().backend("reference").build()).backend())
        .isEqualTo("reference");
    assertThatThrownBy(() -> Attention.plan(spec().build()))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("backend: expected a backend module (attn4j-cpu)")
        .hasMessageContaining("[reference]");
  }

  @Test
  void unknownNamesAreRefusedWithTheKnownOnes() {
    assertThatThrownBy(() -> Attention.plan(spec().backend("gpu").build()))
        .isInstanceOf(RefusedException.class)
        .hasMessage("backend: expected one of [reference], got gpu");
  }
}
