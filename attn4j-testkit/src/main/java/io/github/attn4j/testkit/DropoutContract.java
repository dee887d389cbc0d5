package io.github.attn4j.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.Dropout;
import io.github.attn4j.Layout;
import io.github.attn4j.Tensor;
import org.junit.jupiter.api.Test;

/** Dropout depends on seed, offset and position, on nothing else. */
public interface DropoutContract {
  /** The name of the backend under test. */
  String backend();

  private static AttentionCase problem() {
    AttentionCase c = new AttentionCase(2, 131, 150).heads(4, 2).dims(16, 24);
    return c.masks(MaskKind.CAUSAL);
  }

  /** What is exported and handed back as the caller's own bits is the same dropout, bit for bit. */
  @Test
  default void exportedBitsGiveTheSameBits() {
    AttentionCase padded = problem();
    AttentionCase ragged = problem();
    ragged.layout = Layout.TND;
    ragged.lengthsQ = new int[] {37, 131, 0, 9};
    ragged.lengthsK = new int[] {50, 99, 7, 9};
    for (AttentionCase c : new AttentionCase[] {padded, ragged}) {
      Materials materials = Materials.of(c);
      AttentionPlan plan = materials.plan(backend());
      Dropout generated = Dropout.of(0.3, 0x1234_5678_9abc_def0L, 77);
      Dropout own = Dropout.masked(0.3, plan.dropoutMask(generated));
      AttentionInputs inputs = materials.inputs();
      SameBits.check(
          "caller's bits",
          Outcome.of(plan, inputs.withDropout(own), materials.dout()),
          Outcome.of(plan, inputs.withDropout(generated), materials.dout()));
    }
  }

  /** Another seed or another offset drops others; probability 0 drops nothing. */
  @Test
  default void seedAndOffsetMatter() {
    Materials materials = Materials.of(problem());
    AttentionPlan plan = materials.plan(backend());
    Tensor none = plan.forward(materials.inputs()).out();
    SameBits.check("p = 0", forward(plan, materials, Dropout.of(0, 1, 1)), none);
    float[] one = forward(plan, materials, Dropout.of(0.5, 1, 1)).toFloatArray();
    for (Dropout other :
        new Dropout[] {
          Dropout.of(0.5, 2, 1),
          Dropout.of(0.5, 1, 2),
          Dropout.of(0.5, 1 + (1L << 32), 1),
          Dropout.of(0.5, 1, 1 + (1L << 32))
        }) {
      assertThat(forward(plan, materials, other).toFloatArray()).isNotEqualTo(one);
    }
  }

  private static Tensor forward(AttentionPlan plan, Materials materials, Dropout dropout) {
    return plan.forward(materials.inputs().withDropout(dropout)).out();
  }

  /** The share that is kept is 1 − p, within five standard deviations. */
  @Test
  default void theKeptShareIsRight() {
    AttentionPlan plan = Materials.of(problem()).plan(backend());
    long elements = 2L * 4 * 131 * 150;
    for (double p : new double[] {0.1, 0.5, 0.9}) {
      Tensor bits = plan.dropoutMask(Dropout.of(p, 42, 0));
      long kept = 0;
      for (long at = 0; at < bits.elements(); at++) {
        kept += Integer.bitCount((int) bits.get(at) & 0xff);
      }
      double deviation = Math.sqrt(elements * p * (1 - p));
      assertThat((double) kept)
          .isBetween(elements * (1 - p) - 5 * deviation, elements * (1 - p) + 5 * deviation);
    }
  }
}
