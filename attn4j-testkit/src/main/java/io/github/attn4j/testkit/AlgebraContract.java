package io.github.attn4j.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What lse, sink, empty rows and merging mean. */
public interface AlgebraContract {
  /** The name of the backend under test. */
  String backend();

  /** Equal scores: the lse is the logarithm of how many there are, the output their mean. */
  @Test
  default void equalScoresGiveTheMean() {
    int keys = 150;
    Tensor query = Tensor.zeros(DType.FLOAT32, 1, 1, 3, 8);
    Tensor key = Tensor.of(numbers(keys * 8), 1, 1, keys, 8);
    Tensor value = Tensor.zeros(DType.FLOAT32, 1, 1, keys, 2);
    for (int j = 0; j < keys; j++) {
      value.set(j, 0, 0, j, 0);
      value.set(1, 0, 0, j, 1);
    }
    AttentionSpec.Builder spec = spec(1, 3, keys, 8, 2);
    AttentionInputs inputs = AttentionInputs.of(query, key, value);
    AttentionResult result = Attention.plan(spec.build()).forward(inputs);
    check("lse", result.lse(), Math.log(keys), 1e-6);
    check("mean", result.out().select(3, 0), (keys - 1) / 2.0, 1e-4);
    check("one", result.out().select(3, 1), 1, 1e-6);
    check("maxLogit", result.maxLogit(), 0, 0);
    // A sink of ln(50) stands for fifty more keys of value 0.
    Tensor sink = Tensor.of(new float[] {(float) Math.log(50)}, 1);
    AttentionResult sunk = Attention.plan(spec.build()).forward(inputs.withSink(sink));
    check("lse with sink", sunk.lse(), Math.log(keys + 50), 1e-6);
    check("one with sink", sunk.out().select(3, 1), keys / (keys + 50.0), 1e-6);
    check("maxLogit does not count the sink", sunk.maxLogit(), 0, 0);
  }

  private static void check(String what, @Nullable Tensor got, double expected, double bound) {
    assertThat(got).as(what).isNotNull();
    double[] flat = got == null ? new double[0] : Views.flat(got);
    double[] all = new double[flat.length];
    Arrays.fill(all, expected);
    Tolerance.check(what, new long[] {flat.length}, flat, all, bound);
  }

  private static float[] numbers(int count) {
    Draw draw = new Draw(count);
    float[] values = new float[count];
    for (int at = 0; at < count; at++) {
      values[at] = (float) draw.gaussian();
    }
    return values;
  }

  private AttentionSpec.Builder spec(int heads, int rows, int keys, int dim, int valueDim) {
    return AttentionSpec.builder()
        .padded(1, rows, keys)
        .heads(heads, heads)
        .dims(dim, valueDim)
        .maxLogit(true)
        .backend(backend());
  }

  /**
   * A row that may see nothing: output 0, lse negative infinity, gradients 0, with every feature
   * on.
   */
  @Test
  default void rowsThatSeeNothingAreZero() {
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16)) {
      AttentionCase c = new AttentionCase(1, 140, 90).heads(2, 1).dims(16, 12).dtype(dtype);
      c.biasBroadcast = new boolean[4];
      c.softcap = 3;
      c.dropout = 0.25;
      c.maxLogit = true;
      // Bottom-right causal with more rows than keys hides everything from the first 50 rows.
      Outcome outcome = Outcome.of(backend(), Materials.of(c).withMask(Mask.causal()));
      checkEmpty("causal", outcome, 0, 50);
      Tensor none = Tensor.zeros(DType.BOOL, 1, 1, 1, 1);
      Outcome nothing = Outcome.of(backend(), Materials.of(c).withMask(Mask.dense(none)));
      checkEmpty("nothing visible", nothing, 0, 140);
      check("dkey", nothing.gradients().key(), 0, 0);
      check("dvalue", nothing.gradients().value(), 0, 0);
      check("dbias", nothing.gradients().bias(), 0, 0);
      check("maxLogit", nothing.result().maxLogit(), Double.NEGATIVE_INFINITY, 0);
    }
  }

  private static void checkEmpty(String what, Outcome outcome, int from, int to) {
    AttentionGradients gradients = outcome.gradients();
    check(what + ": out", outcome.result().out().slice(2, from, to), 0, 0);
    check(what + ": lse", outcome.result().lse().slice(2, from, to), Double.NEGATIVE_INFINITY, 0);
    check(what + ": dquery", gradients.query().slice(2, from, to), 0, 0);
    Tensor dbias = gradients.bias();
    if (dbias != null) {
      check(what + ": dbias", dbias.slice(2, from, to), 0, 0);
    }
  }

  /** A sink alone takes all of the probability: lse is the sink, the output 0, its gradient 0. */
  @Test
  default void rowsThatSeeOnlyTheSinkAreZero() {
    AttentionCase c = new AttentionCase(1, 70, 40).heads(2, 2).dims(8, 8);
    c.sink = true;
    Materials materials =
        Materials.of(c).withMask(Mask.dense(Tensor.zeros(DType.BOOL, 1, 1, 1, 1)));
    Outcome outcome = Outcome.of(backend(), materials);
    Tensor sink = materials.inputs().sink();
    for (int h = 0; sink != null && h < 2; h++) {
      check("lse", outcome.result().lse().select(1, h), sink.get(h), 0);
    }
    check("out", outcome.result().out(), 0, 0);
    check("dquery", outcome.gradients().query(), 0, 0);
    check("dsink", outcome.gradients().sink(), 0, 0);
    // A sink of negative infinity is no sink, even where nothing else is visible.
    Tensor off = Tensor.of(new float[] {Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY}, 2);
    Outcome without = Outcome.of(backend(), materials.withInputs(materials.inputs().withSink(off)));
    check("lse without sink", without.result().lse(), Double.NEGATIVE_INFINITY, 0);
    check("out without sink", without.result().out(), 0, 0);
    check("dsink without sink", without.gradients().sink(), 0, 0);
  }

  /** Keys in three parts, one of them hidden from many rows, merge to the whole in any order. */
  @Test
  default void partsOfTheKeysMergeToTheWhole() {
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16)) {
      AttentionCase c = new AttentionCase(2, 120, 200).heads(4, 2).dims(24, 16).dtype(dtype);
      c.float32Out = true;
      c.maxLogit = true;
      Tensor bits = Tensor.zeros(DType.BOOL, 1, 1, 120, 200);
      MaskKind.randomBits(new Draw(5), bits.slice(3, 0, 130), 0.5);
      MaskKind.randomBits(new Draw(6), bits.slice(2, 0, 40).slice(3, 130, 200), 0.02);
      Materials whole = Materials.of(c).withMask(Mask.dense(bits));
      AttentionResult first = part(whole, bits, 0, 77);
      AttentionResult second = part(whole, bits, 77, 130);
      AttentionResult third = part(whole, bits, 130, 200);
      AttentionResult exact = whole.referencePlan().forward(whole.wideInputs());
      PlainAttention plain = new PlainAttention(whole);
      for (AttentionResult merged :
          List.of(first.merge(second).merge(third), third.merge(first.merge(second)))) {
        Tolerance.check(
            "merged out",
            exact.out().shape(),
            Views.flat(merged.out()),
            Views.flat(exact.out()),
            plain.out,
            DType.FLOAT32);
        Tolerance.check(
            "merged lse",
            exact.lse().shape(),
            Views.flat(merged.lse()),
            Views.flat(exact.lse()),
            plain.lse,
            DType.FLOAT32);
      }
    }
  }

  /** Keys in another order, with their bits of the mask: the same but for rounding. */
  @Test
  default void theOrderOfTheKeysChangesOnlyRounding() {
    int[] order = IntStream.range(0, 450).map(n -> (n * 187 + 5) % 450).toArray();
    int[] back = new int[450];
    for (int n = 0; n < 450; n++) {
      back[order[n]] = n;
    }
    for (DType dtype : List.of(DType.FLOAT32, DType.FLOAT16)) {
      AttentionCase c = new AttentionCase(2, 70, 450).heads(4, 2).dims(24, 16).dtype(dtype);
      c.sink = true;
      Tensor bits = Tensor.zeros(DType.BOOL, 1, 1, 70, 450);
      MaskKind.randomBits(new Draw(7), bits.slice(3, 0, 200), 0.5);
      Materials whole = Materials.of(c).withMask(Mask.dense(bits));
      AttentionInputs inputs = whole.inputs();
      Materials moved =
          whole
              .withMask(Mask.dense(moved(bits, 3, order)))
              .withInputs(
                  AttentionInputs.of(
                          inputs.query(),
                          moved(inputs.key(), 2, order),
                          moved(inputs.value(), 2, order))
                      .withSink(inputs.sink()));
      Outcome got = Outcome.of(backend(), moved);
      Outcome exact =
          Outcome.of(whole.referencePlan(), whole.wideInputs(), whole.dout().to(DType.FLOAT32));
      PlainAttention plain = new PlainAttention(whole);
      rounding("out", got.result().out(), exact.result().out(), plain.out, dtype);
      rounding("lse", got.result().lse(), exact.result().lse(), plain.lse, DType.FLOAT32);
      AttentionGradients gradients = got.gradients();
      AttentionGradients exactly = exact.gradients();
      rounding("dquery", gradients.query(), exactly.query(), plain.dquery, dtype);
      rounding("dkey", moved(gradients.key(), 2, back), exactly.key(), plain.dkey, dtype);
      rounding("dvalue", moved(gradients.value(), 2, back), exactly.value(), plain.dvalue, dtype);
    }
  }

  private static Tensor moved(Tensor tensor, int dimension, int[] order) {
    Tensor moved = Tensor.zeros(tensor.dtype(), tensor.shape());
    for (int n = 0; n < order.length; n++) {
      Tensor from = tensor.slice(dimension, order[n], order[n] + 1L);
      moved.slice(dimension, n, n + 1L).assign(from);
    }
    return moved;
  }

  private static void rounding(
      String what, Tensor got, Tensor exact, Yardstick yardstick, DType dtype) {
    Tolerance.check(
        what + " of keys in another order",
        exact.shape(),
        Views.flat(got),
        Views.flat(exact),
        yardstick,
        dtype);
  }

  private AttentionResult part(Materials whole, Tensor bits, int from, int to) {
    AttentionInputs inputs = whole.inputs();
    return Attention.plan(
            whole
                .spec(backend(), whole.choices().dtype, DType.FLOAT32)
                .padded(2, 120, to - from)
                .mask(Mask.dense(bits.slice(3, from, to)))
                .build())
        .forward(
            AttentionInputs.of(
                inputs.query(),
                inputs.key().slice(2, from, to),
                inputs.value().slice(2, from, to)));
  }
}
