package io.github.attn4j.cpu.kernel;

import io.github.attn4j.Execution;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Runs numbered tasks on the calling thread and helpers. Tasks are claimed in ascending order by
 * whoever is running, so a task may wait for one with a smaller number: that one is done or in
 * progress, never still in a queue.
 */
final class Workers {
  private static final class Daemons {
    private static final Executor POOL = create();

    private static Executor create() {
      AtomicInteger number = new AtomicInteger();
      ThreadPoolExecutor pool =
          new ThreadPoolExecutor(
              Runtime.getRuntime().availableProcessors(),
              Runtime.getRuntime().availableProcessors(),
              30,
              TimeUnit.SECONDS,
              new LinkedBlockingQueue<>(),
              work -> {
                Thread thread = new Thread(work, "attn4j-cpu-" + number.incrementAndGet());
                thread.setDaemon(true);
                return thread;
              });
      pool.allowCoreThreadTimeOut(true);
      return pool;
    }
  }

  private Workers() {}

  /**
   * Runs {@code task} for every number below {@code count}; returns when all are done; rethrows the
   * first failure.
   */
  static void run(Execution execution, int count, IntConsumer task) {
    int threads = Math.min(execution.resolvedThreads(), count);
    if (threads <= 1) {
      for (int i = 0; i < count; i++) {
        task.accept(i);
      }
      return;
    }
    Run run = new Run(count, task);
    Executor custom = execution.executor();
    Executor executor = custom == null ? Daemons.POOL : custom;
    Throwable broken = null;
    for (int helper = 1; helper < threads && broken == null; helper++) {
      try {
        executor.execute(run);
      } catch (RejectedExecutionException full) {
        // Helpers only help: the caller does whatever nobody else takes.
        break;
      } catch (RuntimeException | Error thrown) {
        // Helpers may be at work already: finish first, then tell.
        broken = thrown;
      }
    }
    run.run();
    run.awaitHelpers();
    rethrow(broken);
  }

  /** Throws an error or runtime exception once more; does nothing for null. */
  static void rethrow(@Nullable Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    if (thrown instanceof RuntimeException exception) {
      throw exception;
    }
  }

  private static final class Run implements Runnable {
    private final int count;
    private final IntConsumer task;
    private final Thread caller = Thread.currentThread();
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger finished = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    Run(int count, IntConsumer task) {
      this.count = count;
      this.task = task;
    }

    @Override
    public void run() {
      for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
        try {
          // After a failure the rest is only counted, so that tasks waiting for others are not left
          // alone.
          if (failure.get() == null) {
            task.accept(i);
          }
        } catch (Throwable thrown) {
          failure.compareAndSet(null, thrown);
        } finally {
          if (finished.incrementAndGet() == count) {
            LockSupport.unpark(caller);
          }
        }
      }
    }

    void awaitHelpers() {
      while (finished.get() < count) {
        LockSupport.park(this);
      }
      rethrow(failure.get());
    }
  }
}
