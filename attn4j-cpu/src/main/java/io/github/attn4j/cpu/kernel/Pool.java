package io.github.attn4j.cpu.kernel;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one set of buffers between calls of a plan; concurrent calls beyond the first make their
 * own.
 */
final class Pool<T> {
  private final AtomicReference<@Nullable T> spare = new AtomicReference<>();
  private final Supplier<T> factory;

  Pool(Supplier<T> factory) {
    this.factory = factory;
  }

  T borrow() {
    T kept = spare.getAndSet(null);
    return kept == null ? factory.get() : kept;
  }

  void giveBack(T buffers) {
    spare.set(buffers);
  }
}
