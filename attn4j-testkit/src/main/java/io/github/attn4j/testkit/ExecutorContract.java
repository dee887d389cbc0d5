package io.github.attn4j.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;

/** The calling thread always takes part; an executor only adds helpers, soon, late or never. */
public interface ExecutorContract {
  /** The name of the backend under test. */
  String backend();

  private static Materials problem() {
    return Materials.of(
        new AttentionCase(2, 150, 180).heads(4, 2).dims(24, 24).masks(MaskKind.CAUSAL));
  }

  private AttentionPlan plan(Materials materials, Executor executor) {
    return Attention.plan(
        materials
            .spec(backend(), materials.choices().dtype, materials.choices().dtype)
            .threads(4)
            .executor(executor)
            .build());
  }

  private void checkSameBits(Executor executor) {
    Materials materials = problem();
    Outcome expected = Outcome.of(backend(), materials);
    Outcome got =
        assertTimeoutPreemptively(
            Duration.ofSeconds(60),
            () -> Outcome.of(plan(materials, executor), materials.inputs(), materials.dout()));
    SameBits.check("executor", got, expected);
  }

  /** An executor of threads works. */
  @Test
  default void aCallersExecutorGivesTheSameBits() {
    checkSameBits(task -> Thread.ofVirtual().start(task));
  }

  /** An executor that runs tasks in the calling thread works. */
  @Test
  default void anExecutorThatRunsInTheCallerGivesTheSameBits() {
    checkSameBits(Runnable::run);
  }

  /** An executor that never runs anything makes a call slower and nothing else. */
  @Test
  default void anExecutorThatRunsNothingGivesTheSameBits() {
    checkSameBits(task -> {});
  }

  /** A helper that starts after the call has returned touches nothing. */
  @Test
  default void aHelperThatComesTooLateChangesNothing() {
    List<Runnable> waiting = Collections.synchronizedList(new ArrayList<>());
    Materials materials = problem();
    AttentionResult result =
        assertTimeoutPreemptively(
            Duration.ofSeconds(60),
            () -> plan(materials, waiting::add).forward(materials.inputs()));
    Tensor before = result.out().copy();
    Storage.fill(result.out(), 42);
    List.copyOf(waiting).forEach(Runnable::run);
    assertThat(result.out().toFloatArray()).containsOnly(42);
    SameBits.check("late helper", before, Outcome.of(backend(), materials).result().out());
  }

  /**
   * An executor that refuses work either does not matter or fails the call with its own exception.
   */
  @Test
  default void anExecutorThatRejectsDoesNoHarm() {
    Executor full =
        task -> {
          throw new RejectedExecutionException("full");
        };
    try {
      checkSameBits(full);
    } catch (RejectedExecutionException clear) {
      assertThat(clear).hasMessage("full");
    }
    // Whatever happened, the backend still works.
    Outcome.of(backend(), problem());
  }

  /**
   * Memory that belongs to the calling thread alone works, or the call fails and says so; it never
   * hangs.
   */
  @Test
  default void memoryOfOneThreadWorksOrFails() {
    Materials materials = problem();
    Outcome expected = Outcome.of(backend(), materials);
    AttentionPlan plan = plan(materials, task -> Thread.ofVirtual().start(task));
    try (Arena arena = Arena.ofConfined()) {
      Materials confined =
          materials.withInputs(
              AttentionInputs.of(
                  inside(arena, materials.inputs().query()),
                  inside(arena, materials.inputs().key()),
                  inside(arena, materials.inputs().value())));
      SameBits.check("confined", Outcome.of(plan, confined.inputs(), confined.dout()), expected);
    } catch (WrongThreadException | RefusedException clear) {
      assertThat(clear).hasMessageNotContaining("null");
    }
  }

  /** What fails in a helper fails the call. */
  @Test
  default void closedMemoryFailsTheCall() {
    Materials materials = problem();
    AttentionInputs gone;
    try (Arena arena = Arena.ofShared()) {
      AttentionInputs inputs = materials.inputs();
      gone = AttentionInputs.of(inputs.query(), inputs.key(), inside(arena, inputs.value()));
    }
    AttentionPlan plan = plan(materials, task -> Thread.ofVirtual().start(task));
    assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () ->
            assertThatThrownBy(() -> plan.forward(gone))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed"));
    SameBits.check(
        "after a failure",
        Outcome.of(plan, materials.inputs(), materials.dout()),
        Outcome.of(backend(), materials));
  }

  private static Tensor inside(Arena arena, Tensor tensor) {
    MemorySegment memory = arena.allocate(tensor.elements() * tensor.dtype().bytes(), 64);
    Tensor copy = Tensor.of(memory, tensor.dtype(), tensor.shape());
    copy.assign(tensor);
    return copy;
  }
}
