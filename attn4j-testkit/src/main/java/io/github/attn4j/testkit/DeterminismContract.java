package io.github.attn4j.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.ColumnMask;
import io.github.attn4j.DType;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** A row's bits depend on that row, the keys and the mask, and on nothing else. */
public interface DeterminismContract {
  /** The name of the backend under test. */
  String backend();

  /** Problems with enough tiles and heads to be shared among threads. */
  private static List<AttentionCase> problems() {
    List<AttentionCase> cases = new ArrayList<>();
    cases.add(new AttentionCase(1, 300, 300).heads(2, 2).dims(32, 32).masks(MaskKind.CAUSAL));
    cases.add(new AttentionCase(2, 140, 270).heads(4, 2).dims(17, 24).dtype(DType.BFLOAT16));
    AttentionCase everything = NamedContract.Named.EVERYTHING.problem();
    everything.biasBroadcast = new boolean[] {true, true, false, false};
    cases.add(everything);
    for (long seed = 0; seed < 12; seed++) {
      AttentionCase c = Cases.draw(0x5eed + seed);
      c.stored = null;
      c.keyDtype = null;
      cases.add(c);
    }
    return cases;
  }

  /** Threads share work, not results. */
  @Test
  default void anyNumberOfThreadsGivesTheSameBits() {
    for (AttentionCase c : problems()) {
      c.threads = 1;
      Materials materials = Materials.of(c);
      Outcome alone = Outcome.of(backend(), materials);
      for (int threads : new int[] {2, 7}) {
        c.threads = threads;
        SameBits.check(c + ": threads", Outcome.of(backend(), materials), alone);
      }
    }
  }

  /** Nothing is left behind by a call. */
  @Test
  default void repeatedCallsGiveTheSameBits() {
    for (AttentionCase c : problems()) {
      Materials materials = Materials.of(c);
      AttentionPlan plan = materials.plan(backend());
      Outcome first = Outcome.of(plan, materials.inputs(), materials.dout());
      for (int n = 0; n < 3; n++) {
        SameBits.check(
            c + ": repeated", Outcome.of(plan, materials.inputs(), materials.dout()), first);
      }
    }
  }

  /** A plan may be used by several threads at once. */
  @Test
  default void concurrentCallsOfOnePlanGiveTheSameBits() throws Exception {
    for (int[] choices : new int[][] {{1, 200, 0}, {3, 200, 0}, {3, 200, 1}, {3, 4, 1}}) {
      AttentionCase c = new AttentionCase(1, choices[1], 630).heads(3, 1).dims(33, 16);
      c.masks(MaskKind.CAUSAL).threads = choices[0];
      c.splitKeys = choices[2];
      Materials materials = Materials.of(c);
      AttentionPlan plan = materials.plan(backend());
      Outcome alone = Outcome.of(plan, materials.inputs(), materials.dout());
      try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
        List<Future<Outcome>> calls = new ArrayList<>();
        for (int n = 0; n < 16; n++) {
          calls.add(pool.submit(() -> Outcome.of(plan, materials.inputs(), materials.dout())));
        }
        for (Future<Outcome> call : calls) {
          SameBits.check("concurrent", call.get(), alone);
        }
      }
    }
  }

  /** Batch neighbours do not matter. */
  @Test
  default void aSequenceAloneGivesTheSameBitsAsInABatch() {
    for (DType dtype : List.of(DType.FLOAT32, DType.FLOAT16)) {
      AttentionCase c = new AttentionCase(3, 150, 170).heads(4, 2).dims(20, 36).dtype(dtype);
      Draw draw = new Draw(3);
      Tensor bits = Tensor.zeros(DType.BOOL, 3, 2, 150, 170);
      MaskKind.randomBits(draw, bits, 0.7);
      Mask mask = Mask.dense(bits).and(Mask.causal());
      Materials batch = Materials.of(c).withMask(mask);
      Outcome together = Outcome.of(backend(), batch);
      AttentionCase one = new AttentionCase(1, 150, 170).heads(4, 2).dims(20, 36).dtype(dtype);
      for (int b = 0; b < 3; b++) {
        AttentionInputs inputs =
            AttentionInputs.of(
                batch.inputs().query().slice(0, b, b + 1),
                batch.inputs().key().slice(0, b, b + 1),
                batch.inputs().value().slice(0, b, b + 1));
        Materials alone =
            new Materials(
                one,
                Mask.dense(bits.slice(0, b, b + 1)).and(Mask.causal()),
                inputs,
                batch.dout().slice(0, b, b + 1));
        Outcome result = Outcome.of(backend(), alone);
        String what = "sequence " + b + " alone";
        SameBits.check(what + ": out", result.result().out(), entry(together.result().out(), b));
        SameBits.check(what + ": lse", result.result().lse(), entry(together.result().lse(), b));
        SameBits.check(
            what + ": dquery", result.gradients().query(), entry(together.gradients().query(), b));
        SameBits.check(
            what + ": dkey", result.gradients().key(), entry(together.gradients().key(), b));
        SameBits.check(
            what + ": dvalue", result.gradients().value(), entry(together.gradients().value(), b));
      }
    }
  }

  private static Tensor entry(Tensor tensor, int b) {
    return tensor.slice(0, b, b + 1);
  }

  /** Neither do the other rows of a sequence: decoding row by row repeats the prefill. */
  @Test
  default void aRowAloneGivesTheSameBitsAsAmongOthers() {
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16)) {
      AttentionCase c = new AttentionCase(1, 200, 300).heads(4, 2).dims(40, 24).dtype(dtype);
      Materials materials = Materials.of(c);
      Tensor bits = Tensor.zeros(DType.BOOL, 1, 1, 200, 300);
      MaskKind.randomBits(new Draw(9), bits, 0.6);
      AttentionResult dense =
          materials.withMask(Mask.dense(bits)).plan(backend()).forward(materials.inputs());
      AttentionResult causal =
          materials.withMask(Mask.causal()).plan(backend()).forward(materials.inputs());
      for (int i : new int[] {0, 1, 31, 63, 64, 100, 128, 199}) {
        Tensor row = bits.slice(2, i, i + 1);
        checkRow("dense row " + i, materials, i, Mask.dense(row), dense);
        checkRow("columns row " + i, materials, i, oneRow(row), dense);
        Tensor seen = Tensor.zeros(DType.BOOL, 1, 1, 1, 300);
        for (int j = 0; j <= i + 100; j++) {
          seen.set(1, 0, 0, 0, j);
        }
        checkRow("causal row " + i, materials, i, oneRow(seen), causal);
      }
      checkRow("last causal row", materials, 199, Mask.causal(), causal);
    }
  }

  /** Neither do they over a context so long that the backend cuts it. */
  @Test
  default void aRowOverALongContextGivesTheSameBitsAlone() {
    AttentionCase c = new AttentionCase(1, 150, 9000).heads(2, 1).dims(8, 8);
    Materials materials = Materials.of(c);
    AttentionResult all =
        materials.withMask(Mask.causal()).plan(backend()).forward(materials.inputs());
    checkRow("last row", materials, 149, Mask.causal(), all);
    Tensor seen = Tensor.zeros(DType.BOOL, 1, 1, 1, 9000);
    Storage.fill(seen.slice(3, 0, 8861), 1);
    checkRow("row 10", materials, 10, oneRow(seen), all);
  }

  /** Nor does it matter how many heads share a key head. */
  @Test
  default void groupedHeadsOverALongContextGiveTheBitsOfRepeatedOnes() {
    AttentionCase c = new AttentionCase(1, 40, 9000).heads(4, 1).dims(8, 8);
    AttentionInputs grouped = Materials.of(c).inputs();
    long[] repeated = {1, 4, 9000, 8};
    AttentionInputs alone =
        AttentionInputs.of(
            grouped.query(), grouped.key().expand(repeated), grouped.value().expand(repeated));
    AttentionResult expected = Materials.of(c).plan(backend()).forward(grouped);
    AttentionResult result =
        Materials.of(new AttentionCase(1, 40, 9000).heads(4, 4).dims(8, 8))
            .plan(backend())
            .forward(alone);
    SameBits.check("repeated heads: out", result.out(), expected.out());
    SameBits.check("repeated heads: lse", result.lse(), expected.lse());
  }

  /** One row of bits as FlashMask columns. */
  private static Mask oneRow(Tensor bits) {
    Tensor starts = Tensor.zeros(DType.INT32, 1, 1, bits.dim(3), 1);
    for (long j = 0; j < bits.dim(3); j++) {
      starts.set(bits.get(0, 0, 0, j), 0, 0, j, 0);
    }
    return Mask.columns(starts, ColumnMask.Form.START);
  }

  private void checkRow(String what, Materials all, int i, Mask mask, AttentionResult expected) {
    AttentionInputs inputs = all.inputs();
    Tensor query = inputs.query().slice(2, i, i + 1);
    AttentionResult alone =
        Attention.plan(
                all.spec(backend(), all.choices().dtype, all.choices().dtype)
                    .padded(1, 1, all.choices().extentK)
                    .mask(mask)
                    .build())
            .forward(AttentionInputs.of(query, inputs.key(), inputs.value()));
    SameBits.check(what + ": out", alone.out(), expected.out().slice(2, i, i + 1));
    SameBits.check(what + ": lse", alone.lse(), expected.lse().slice(2, i, i + 1));
    assertThat(alone.lse().get(0, 0, 0)).isNotNaN();
  }
}
