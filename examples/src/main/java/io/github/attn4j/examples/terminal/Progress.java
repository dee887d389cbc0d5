package io.github.attn4j.examples.terminal;

import java.io.Console;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A bar on standard error where a person watches; elsewhere a plain line now and then. */
public final class Progress implements AutoCloseable {
  /** Given, so that the bar need not ask a terminal library for it. */
  private static final int WIDTH = 100;

  private static final long LINE_NANOS = 20_000_000_000L;

  private final String task;
  private final int steps;
  private final @Nullable ProgressBar bar;
  private int done;
  private long lastLine = System.nanoTime();

  /**
   * Begins.
   *
   * @param task its name
   * @param steps how many there will be
   */
  public Progress(String task, int steps) {
    this.task = task;
    this.steps = steps;
    boolean watched = Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false);
    this.bar = watched ? bar(task, steps) : null;
  }

  private static ProgressBar bar(String task, int steps) {
    return new ProgressBarBuilder()
        .setTaskName(task)
        .setInitialMax(steps)
        .setStyle(ProgressBarStyle.UNICODE_BLOCK)
        .setUpdateIntervalMillis(200)
        .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
        .clearDisplayOnFinish()
        .build();
  }

  /**
   * Steps are done.
   *
   * @param count how many
   * @param message what there is to say of them
   */
  public void step(int count, String message) {
    done += count;
    ProgressBar shown = bar;
    if (shown != null) {
      shown.setExtraMessage(message);
      shown.stepBy(count);
    } else if (System.nanoTime() - lastLine > LINE_NANOS) {
      lastLine = System.nanoTime();
      System.err.printf("%s: %d of %d, %s%n", task, done, steps, message);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
