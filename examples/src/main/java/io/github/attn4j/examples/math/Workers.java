package io.github.attn4j.examples.math;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** A fixed number of threads that share loops; the calling thread is one of them. */
public final class Workers implements AutoCloseable {
  private final int threads;
  private final ExecutorService helpers;

  /**
   * @param threads how many work at once, the caller included; 0 for one per processor
   * @throws IllegalArgumentException if negative
   */
  public Workers(int threads) {
    if (threads < 0) {
      throw new IllegalArgumentException("threads: expected at least 0, got " + threads);
    }
    this.threads = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    this.helpers =
        Executors.newCachedThreadPool(Thread.ofPlatform().daemon().name("worker-", 1).factory());
  }

  /** How many threads work at once, the caller included. */
  public int threads() {
    return threads;
  }

  /** The helper threads, for whoever else wants them between loops. */
  public Executor helpers() {
    return helpers;
  }

  /**
   * Calls {@code body} once for each of {@code 0 .. tasks - 1}, in any order, and returns when all
   * are done.
   *
   * @throws RuntimeException or an Error, the first that the body threw; the other tasks are still
   *     run
   */
  public void forEach(int tasks, IntConsumer body) {
    Loop loop = new Loop(tasks, body);
    for (int helper = Math.min(threads, tasks) - 1; helper > 0; helper--) {
      helpers.execute(loop);
    }
    loop.run();
    loop.await();
  }

  /** Lets the helper threads end. */
  @Override
  public void close() {
    helpers.shutdown();
  }

  /** Whoever runs it takes tasks until none is left. */
  private static final class Loop implements Runnable {
    private final int tasks;
    private final IntConsumer body;
    private final AtomicInteger next = new AtomicInteger();
    private final CountDownLatch unfinished;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    Loop(int tasks, IntConsumer body) {
      this.tasks = tasks;
      this.body = body;
      this.unfinished = new CountDownLatch(tasks);
    }

    @Override
    public void run() {
      for (int task = next.getAndIncrement(); task < tasks; task = next.getAndIncrement()) {
        try {
          body.accept(task);
        } catch (RuntimeException | Error e) {
          failure.compareAndSet(null, e);
        } finally {
          unfinished.countDown();
        }
      }
    }

    /** A helper may still be inside a task when the caller finds none left. */
    void await() {
      boolean interrupted = false;
      while (unfinished.getCount() > 0) {
        try {
          unfinished.await();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      switch (failure.get()) {
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        case null, default -> {}
      }
    }
  }
}
