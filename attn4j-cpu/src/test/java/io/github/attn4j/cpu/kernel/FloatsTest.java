package io.github.attn4j.cpu.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

/** Java code that reads and writes tiles does not hear of where they live. */
final class FloatsTest {
  @Test
  void arrayKeepsValues() {
    keepsValues(Floats::onHeap);
  }

  @Test
  void nativeMemoryKeepsValues() {
    keepsValues(Floats::offHeap);
  }

  private static void keepsValues(IntFunction<Floats> kind) {
    Floats floats = kind.apply(5);
    assertThat(floats.size()).isEqualTo(5);
    assertThat(floats.get(4)).isEqualTo(0f);
    floats.fill(1, 4, -0f);
    floats.set(2, 1.5f);
    floats.add(2, 2f);
    float[] seen = new float[5];
    for (int at = 0; at < 5; at++) {
      seen[at] = floats.get(at);
    }
    assertThat(seen).containsExactly(0f, -0f, 3.5f, -0f, 0f);
    floats.fill(Float.NEGATIVE_INFINITY);
    assertThat(floats.get(0)).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThatThrownBy(() -> floats.set(5, 1f)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(kind.apply(0).size()).isZero();
  }

  /** Machine code reads whole vectors at once. */
  @Test
  void nativeMemoryStartsOnCacheLine() {
    for (int size : new int[] {1, 3, 100}) {
      assertThat(Floats.offHeap(size).address() % 64).as("size %d", size).isZero();
    }
  }
}
