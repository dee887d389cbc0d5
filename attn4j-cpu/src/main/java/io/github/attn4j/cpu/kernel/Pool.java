package io.github.attn4j.cpu.kernel;

import java.lang.ref.SoftReference;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one set of buffers between calls of a plan, as long as memory is not short; concurrent
 * calls beyond the first make their own.
 */
final class Pool<T> {
  private final AtomicReference<@Nullable SoftReference<T>> spare = new AtomicReference<>();
  private final Supplier<T> factory;

  Pool(Supplier<T> factory) {
    this.factory = factory;
  }

  T borrow() {
    SoftReference<T> kept = spare.getAndSet(null);
    T buffers = kept == null ? null : kept.get();
    return buffers == null ? factory.get() : buffers;
  }

  void giveBack(T buffers) {
    spare.set(new SoftReference<>(buffers));
  }
}
