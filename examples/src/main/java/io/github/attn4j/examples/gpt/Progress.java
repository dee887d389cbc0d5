package io.github.attn4j.examples.gpt;

import java.io.Console;
import java.io.PrintWriter;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A bar where a person watches; elsewhere a plain line now and then. */
final class Progress implements AutoCloseable {
  /** Given, so that the bar need not ask a terminal library for it. */
  private static final int WIDTH = 100;

  private static final long LINE_NANOS = 20_000_000_000L;

  private final PrintWriter err;
  private final String task;
  private final int steps;
  private final @Nullable ProgressBar bar;
  private int done;
  private long lastLine = System.nanoTime();

  Progress(PrintWriter err, String task, int steps) {
    this.err = err;
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

  /** One step is done. */
  void step(String message) {
    done++;
    ProgressBar shown = bar;
    if (shown != null) {
      shown.setExtraMessage(message);
      shown.step();
    } else if (System.nanoTime() - lastLine > LINE_NANOS) {
      lastLine = System.nanoTime();
      err.printf("%s: %d of %d steps, %s%n", task, done, steps, message);
      err.flush();
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
