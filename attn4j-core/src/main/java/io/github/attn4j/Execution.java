package io.github.attn4j;

import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Where the work runs. The calling thread always takes part; helpers come from the executor.
 *
 * @param threads how many threads work at once, the caller included; 0 means one per processor
 * @param executor runs the helpers, or null for the backend's own daemon threads; if it runs fewer
 *     at once, the call is slower and nothing else
 */
public record Execution(int threads, @Nullable Executor executor) {
  /**
   * Refuses negative numbers.
   *
   * @throws RefusedException naming {@code threads}
   */
  public Execution {
    if (threads < 0) {
      throw RefusedException.value("threads", "expected at least 0, got " + threads);
    }
  }

  /**
   * The number of threads with 0 resolved.
   *
   * @return at least 1
   */
  public int resolvedThreads() {
    return threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
  }
}
