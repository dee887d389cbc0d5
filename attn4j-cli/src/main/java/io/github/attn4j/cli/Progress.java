package io.github.attn4j.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A progress bar on a terminal, once the work has taken a moment; nothing at all elsewhere. */
final class Progress implements AutoCloseable {
  private static final long PATIENCE_MILLIS = 700;

  /** Given, so that the bar need not ask a terminal library for it. */
  private static final int WIDTH = 79;

  private final Terminal terminal;
  private final String task;
  private final long steps;
  private long done;
  private boolean closed;
  private String label = "";
  private @Nullable ProgressBar bar;

  Progress(Terminal terminal, String task, long steps) {
    this.terminal = terminal;
    this.task = task;
    this.steps = steps;
    if (terminal.interactive()) {
      Thread.ofVirtual().start(this::showAfterAMoment);
    }
  }

  private void showAfterAMoment() {
    try {
      Thread.sleep(PATIENCE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    }
    synchronized (this) {
      if (!closed) {
        bar =
            new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(steps)
                .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                .setUpdateIntervalMillis(100)
                .setConsumer(new ConsoleProgressBarConsumer(errors(), WIDTH))
                .clearDisplayOnFinish()
                .build()
                .stepTo(done)
                .setExtraMessage(label);
      }
    }
  }

  private PrintStream errors() {
    OutputStream stream =
        new OutputStream() {
          @Override
          public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
          }

          @Override
          public void write(byte[] bytes, int from, int count) {
            terminal.err().print(new String(bytes, from, count, StandardCharsets.UTF_8));
            terminal.err().flush();
          }
        };
    return new PrintStream(stream, true, StandardCharsets.UTF_8);
  }

  /** Says what is being done. */
  synchronized void label(String text) {
    label = text;
    if (bar != null) {
      bar.setExtraMessage(text);
    }
  }

  /** One step is done. */
  synchronized void step() {
    done++;
    if (bar != null) {
      bar.step();
    }
  }

  /** Prints a line of results above the bar. */
  synchronized void println(String line) {
    if (bar != null) {
      terminal.err().print("\r\u001b[K");
      terminal.err().flush();
    }
    terminal.out().println(line);
    terminal.out().flush();
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
