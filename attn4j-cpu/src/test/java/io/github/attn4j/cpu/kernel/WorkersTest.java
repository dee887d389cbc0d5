package io.github.attn4j.cpu.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.Execution;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Every task runs once whatever the executor does, and a failure reaches the caller. */
@Timeout(20)
final class WorkersTest {
  private static void runsAll(Execution execution) {
    AtomicIntegerArray runs = new AtomicIntegerArray(1000);
    Workers.run(execution, 1000, runs::incrementAndGet);
    for (int task = 0; task < 1000; task++) {
      assertThat(runs.get(task)).isEqualTo(1);
    }
  }

  @Test
  void everyTaskRunsOnce() {
    for (int threads : new int[] {0, 1, 2, 7}) {
      runsAll(new Execution(threads, null));
    }
  }

  /** An executor may run helpers late, in the caller, or not at all. */
  @Test
  void anyExecutorWillDo() {
    runsAll(new Execution(4, Runnable::run));
    runsAll(new Execution(4, helper -> {}));
    runsAll(
        new Execution(
            4,
            helper -> {
              throw new RejectedExecutionException("full");
            }));
  }

  @Test
  void firstFailureReachesTheCaller() {
    assertThatThrownBy(() ->
            Workers.run(
                new Execution(3, null),
                100,
                task -> {
                  if (task == 40) {
                    throw new IllegalStateException("task 40");
                  }
                }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("task 40");
  }
}
