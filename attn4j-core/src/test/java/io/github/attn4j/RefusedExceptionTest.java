package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The exception carries the argument and the kind of error that documents list. */
final class RefusedExceptionTest {
  @Test
  void carriesArgumentAndKind() {
    RefusedException type = RefusedException.type("key", "expected A, got B");
    assertThat(type).hasMessage("key: expected A, got B").isInstanceOf(RuntimeException.class);
    assertThat(type.argument()).isEqualTo("key");
    assertThat(type.kind()).isEqualTo(RefusedException.Kind.TYPE_ERROR).hasToString("TypeError");
    assertThat(RefusedException.value("a", "b").kind()).hasToString("ValueError");
    assertThat(RefusedException.runtime("a", "b").kind()).hasToString("RuntimeError");
  }

  @Test
  void canBeRenamedForAnOperator() {
    RefusedException core = RefusedException.value("indices", "expected: four, got: three");
    RefusedException renamed = core.as("startend_row_indices");
    assertThat(renamed).hasMessage("startend_row_indices: expected: four, got: three");
    assertThat(renamed.argument()).isEqualTo("startend_row_indices");
    assertThat(renamed.kind()).isEqualTo(core.kind());
    assertThat(renamed).hasCause(core);
  }
}
