package io.github.attn4j.cpu.kernel;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Lets tasks add to something in a fixed order, whatever threads run them: each waits for its turn.
 * A task only ever waits for tasks that were claimed before it ({@link Workers}); if one of them
 * fails, those that wait fail with it.
 */
final class Turns {
  private volatile @Nullable Throwable failure;

  /** Remembers that a task has failed, so that nobody waits for it. */
  void fail(Throwable cause) {
    failure = cause;
  }

  /** Waits until {@code turns[index]} is {@code turn}. */
  void await(AtomicIntegerArray turns, int index, int turn) {
    for (int spins = 0; turns.get(index) != turn; spins++) {
      Workers.rethrow(failure);
      if (spins < 1000) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(1);
      }
    }
  }
}
