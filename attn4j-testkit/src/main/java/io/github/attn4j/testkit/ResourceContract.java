package io.github.attn4j.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What a call may take: memory that grows with the sequence, and none at all once it is warm. */
public interface ResourceContract {
  /** The name of the backend under test. */
  String backend();

  /**
   * Whether the backend is made for speed; a scalar one is excused from the large problems here.
   */
  default boolean fast() {
    return true;
  }

  private static long allocated() {
    return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
  }

  /**
   * 32,768 rows under a sliding window, forward and backward: one byte per score would be a
   * gigabyte. Sampled rows are compared with the reference on their window alone.
   */
  @Test
  default void memoryGrowsWithTheSequenceOnly() {
    Assumptions.assumeTrue(fast());
    int rows = 32768;
    int window = 200;
    AttentionCase c = new AttentionCase(1, rows, rows).dims(16, 16);
    Materials materials = Materials.of(c).withMask(Mask.window(window, 0));
    AttentionInputs inputs = materials.inputs();
    long before = allocated();
    AttentionPlan plan = materials.plan(backend());
    AttentionResult result = plan.forward(inputs);
    AttentionGradients gradients = plan.backward(inputs, result, materials.dout());
    // Inputs and outputs are 2 MiB each; the score matrix would be 4 GiB.
    assertThat(allocated() - before).isLessThan(96L << 20);
    for (int i : new int[] {0, 1, 199, 200, 201, 4095, 16384, 20000, 32767}) {
      int from = Math.max(0, i - window);
      AttentionInputs part =
          AttentionInputs.of(
              inputs.query().slice(2, i, i + 1),
              inputs.key().slice(2, from, i + 1),
              inputs.value().slice(2, from, i + 1));
      AttentionPlan exact =
          Attention.plan(
              materials
                  .spec("reference", DType.FLOAT32, DType.FLOAT32)
                  .padded(1, 1, i + 1 - from)
                  .mask(Mask.full())
                  .build());
      AttentionResult expected = exact.forward(part);
      Tensor dout = materials.dout().slice(2, i, i + 1);
      close("out row " + i, result.out().slice(2, i, i + 1), expected.out());
      close("lse row " + i, result.lse().slice(2, i, i + 1), expected.lse());
      Tensor dquery = exact.backward(part, expected, dout).query();
      close("dquery row " + i, gradients.query().slice(2, i, i + 1), dquery);
    }
    for (float x : gradients.key().toFloatArray()) {
      assertThat(x).isFinite();
    }
  }

  /** Standard normal inputs, 200 keys: float32 is good for 1e-5. */
  private static void close(String what, Tensor got, Tensor expected) {
    Tolerance.check(what, got.shape(), Views.flat(got), Views.flat(expected), 1e-5);
  }

  /**
   * A warm call on one thread with reused results allocates a little for its records, and no more
   * for longer rows.
   */
  @Test
  default void warmForwardCallsAllocateNothingThatGrows() {
    Assumptions.assumeTrue(fast());
    for (DType dtype : new DType[] {DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16}) {
      for (int rows : new int[] {100, 1500}) {
        AttentionCase c = new AttentionCase(1, rows, rows).dims(64, 64).dtype(dtype);
        checkWarmAllocation(Materials.of(c.masks(MaskKind.CAUSAL)));
      }
    }
  }

  /** Neither does a decode for a longer cache, though its keys are packed and its parts joined. */
  @Test
  default void warmDecodeCallsAllocateNothingThatGrows() {
    Assumptions.assumeTrue(fast());
    AttentionCase c = new AttentionCase(1, 1, 20_000).heads(4, 1).dims(32, 32);
    checkWarmAllocation(Materials.of(c));
    StoredAs.Integers integers =
        new StoredAs.Integers(8, StoredAs.Grain.CHANNEL, true, DType.FLOAT32);
    c.stored = new StoredAs(64, integers, integers);
    c.splitKeys = 1000;
    checkWarmAllocation(Materials.of(c));
  }

  private void checkWarmAllocation(Materials materials) {
    AttentionPlan plan = materials.plan(backend());
    AttentionResult result = plan.forward(materials.inputs());
    // Interpreted Vector API code allocates; compiled code must not. Give the compiler its time.
    long least = Long.MAX_VALUE;
    long deadline = System.nanoTime() + 20_000_000_000L;
    while (least > 24_000 && System.nanoTime() < deadline) {
      long before = allocated();
      plan.forward(materials.inputs(), result);
      least = Math.min(least, allocated() - before);
    }
    assertThat(least)
        .as("bytes allocated by a warm forward of %s", materials.choices())
        .isLessThan(24_000);
  }
}
