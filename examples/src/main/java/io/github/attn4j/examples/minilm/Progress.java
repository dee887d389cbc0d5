package io.github.attn4j.examples.minilm;

import java.io.Console;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import org.jspecify.annotations.Nullable;

/** A progress bar on a terminal; nothing elsewhere. */
final class Progress implements AutoCloseable {
  /** Given, so that the bar need not ask a terminal library for it. */
  private static final int WIDTH = 79;

  private final @Nullable ProgressBar bar;

  Progress(String task, long steps) {
    bar =
        !Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false)
            ? null
            : new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(steps)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
                .clearDisplayOnFinish()
                .build();
  }

  void step(long steps) {
    if (bar != null) {
      bar.stepBy(steps);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
