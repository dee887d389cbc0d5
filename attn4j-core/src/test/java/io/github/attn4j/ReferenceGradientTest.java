package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The reference's gradients against central differences of its own forward, feature by feature and
 * mixed.
 *
 * <p>The reference computes in float64; outputs are rounded to float32 at the end. With steps h and
 * 2h = 1/16 the difference of fourth order is off by about h⁴ = 1e-6 times a fifth derivative of
 * order 1 and, from the rounding of some fifty outputs of order 1, by about 50 · 3e-8 · 18 / (12 h)
 * = 7e-5 at worst. Hence 2e-4, where gradients are of order 0.1 to 1 and any wrong term shows.
 */
final class ReferenceGradientTest {
  private static final double STEP = 1 / 32.0;
  private static final double BOUND = 2e-4;

  private static Tensor numbers(SplittableRandom random, long... shape) {
    Tensor tensor = Tensor.zeros(DType.FLOAT32, shape);
    Tensor flat = tensor.reshape(tensor.elements());
    for (long at = 0; at < flat.elements(); at++) {
      // Few bits, so that a step is exact in float32.
      flat.set(Math.round(random.nextDouble(-1, 1) * 128) / 128.0, at);
    }
    return tensor;
  }

  /** The loss whose gradient by the output is dout. */
  private static double loss(AttentionPlan plan, AttentionInputs inputs, Tensor dout) {
    float[] out = plan.forward(inputs).out().toFloatArray();
    float[] weights = dout.toFloatArray();
    double sum = 0;
    for (int at = 0; at < out.length; at++) {
      sum += (double) out[at] * weights[at];
    }
    return sum;
  }

  private static void check(AttentionPlan plan, AttentionInputs inputs, Tensor dout, String text) {
    AttentionGradients gradients = plan.backward(inputs, plan.forward(inputs), dout);
    check(plan, inputs, dout, inputs.query(), gradients.query(), text + ": dquery");
    check(plan, inputs, dout, inputs.key(), gradients.key(), text + ": dkey");
    check(plan, inputs, dout, inputs.value(), gradients.value(), text + ": dvalue");
    Tensor bias = inputs.bias() == null ? null : inputs.bias().parameter();
    check(plan, inputs, dout, bias, gradients.bias(), text + ": dbias");
    check(plan, inputs, dout, inputs.sink(), gradients.sink(), text + ": dsink");
  }

  private static void check(
      AttentionPlan plan,
      AttentionInputs inputs,
      Tensor dout,
      @Nullable Tensor input,
      @Nullable Tensor gradient,
      String text) {
    if (input == null || gradient == null) {
      assertThat(gradient).as(text).isSameAs(input);
      return;
    }
    assertThat(gradient.shape()).containsExactly(input.shape());
    Tensor flat = input.reshape(input.elements());
    Tensor flatGradient = gradient.reshape(gradient.elements());
    for (long at = 0; at < flat.elements(); at++) {
      double x = flat.get(at);
      double[] losses = new double[4];
      int[] steps = {1, -1, 2, -2};
      for (int n = 0; n < 4; n++) {
        flat.set(x + steps[n] * STEP, at);
        losses[n] = loss(plan, inputs, dout);
      }
      flat.set(x, at);
      double slope = (8 * (losses[0] - losses[1]) - (losses[2] - losses[3])) / (12 * STEP);
      assertThat(flatGradient.get(at)).as("%s at %d", text, at).isCloseTo(slope, offset(BOUND));
    }
  }

  private static AttentionSpec.Builder spec() {
    return AttentionSpec.builder().padded(2, 4, 5).heads(4, 2).dims(3, 2).backend("reference");
  }

  private static AttentionInputs inputs(SplittableRandom random) {
    return AttentionInputs.of(
        numbers(random, 2, 4, 4, 3), numbers(random, 2, 2, 5, 3), numbers(random, 2, 2, 5, 2));
  }

  private static List<Mask> masks(SplittableRandom random) {
    List<Mask> masks = new ArrayList<>(List.of(Mask.full(), Mask.causal()));
    Extent extent = new Extent(4, 5, 4);
    for (int kind = 2; kind < RandomMasks.KINDS; kind++) {
      masks.add(RandomMasks.mask(random, kind, 2, extent));
    }
    return masks;
  }

  @Test
  void plainGradientsUnderEveryMask() {
    SplittableRandom random = new SplittableRandom(21);
    for (Mask mask : masks(random)) {
      AttentionPlan plan = Attention.plan(spec().mask(mask).scale(0.8).build());
      check(plan, inputs(random), numbers(random, 2, 4, 4, 2), mask.toString());
    }
  }

  @Test
  void biasGradientsAtEveryStageAndBroadcast() {
    SplittableRandom random = new SplittableRandom(22);
    long[][] shapes = {{2, 4, 4, 5}, {1, 4, 4, 1}, {2, 1, 1, 5}, {1, 1, 4, 5}, {1, 1, 1, 5}};
    for (BiasStage stage : BiasStage.values()) {
      for (double softcap : new double[] {0, 1.5}) {
        AttentionPlan plan =
            Attention.plan(
                spec().biasStage(stage).softcap(softcap).scale(-0.7).mask(Mask.causal()).build());
        long[] shape = shapes[random.nextInt(shapes.length)];
        AttentionInputs inputs = inputs(random).withBias(numbers(random, shape));
        check(plan, inputs, numbers(random, 2, 4, 4, 2), stage + ", softcap " + softcap);
      }
    }
  }

  @Test
  void sinkAndDropoutGradients() {
    SplittableRandom random = new SplittableRandom(23);
    for (double p : new double[] {0, 0.4}) {
      AttentionPlan plan = Attention.plan(spec().mask(Mask.window(2, 1)).scale(1).build());
      AttentionInputs inputs =
          inputs(random).withSink(numbers(random, 4)).withDropout(Dropout.of(p, 5, 6));
      check(plan, inputs, numbers(random, 2, 4, 4, 2), "sink, dropout " + p);
    }
  }

  @Test
  void everythingAtOnce() {
    SplittableRandom random = new SplittableRandom(24);
    for (BiasStage stage : BiasStage.values()) {
      AttentionPlan plan =
          Attention.plan(
              spec()
                  .biasStage(stage)
                  .softcap(2)
                  .mask(Mask.causal().and(Mask.prefix(2, 0)))
                  .build());
      AttentionInputs inputs =
          inputs(random)
              .withBias(numbers(random, 2, 4, 4, 5))
              .withSink(numbers(random, 4))
              .withDropout(Dropout.of(0.3, 7, 8));
      check(plan, inputs, numbers(random, 2, 4, 4, 2), "everything, " + stage);
    }
  }

  /**
   * Adding one number to all scores changes no probability: sums over rows are kept in float64, so
   * this is exact.
   */
  @Test
  void aBiasOnEverythingHasNoGradient() {
    SplittableRandom random = new SplittableRandom(25);
    AttentionPlan plan = Attention.plan(spec().build());
    AttentionInputs inputs = inputs(random).withBias(numbers(random, 1, 1, 1, 1));
    AttentionResult result = plan.forward(inputs);
    Tensor dout = numbers(random, 2, 4, 4, 2);
    Tensor dbias = Objects.requireNonNull(plan.backward(inputs, result, dout).bias());
    assertThat(dbias.get(0, 0, 0, 0)).isCloseTo(0, offset(1e-14));
  }

  /** A sink of negative infinity is no sink, even beside a row that sees nothing. */
  @Test
  void aSinkThatIsOffHasNoGradient() {
    SplittableRandom random = new SplittableRandom(26);
    Tensor off = Tensor.of(new float[] {Float.NEGATIVE_INFINITY, 0, Float.NEGATIVE_INFINITY, 0}, 4);
    AttentionPlan plan =
        Attention.plan(spec().mask(Mask.dense(Tensor.zeros(DType.BOOL, 1, 1, 1, 1))).build());
    AttentionInputs inputs = inputs(random).withSink(off);
    AttentionResult result = plan.forward(inputs);
    Tensor dout = numbers(random, 2, 4, 4, 2);
    Tensor dsink = Objects.requireNonNull(plan.backward(inputs, result, dout).sink());
    for (long h = 0; h < 4; h++) {
      assertThat(dsink.get(h)).isZero();
    }
  }

  private static void checkBias(
      SplittableRandom random, AttentionSpec.Builder builder, Bias bias, String text) {
    for (BiasStage stage : BiasStage.values()) {
      AttentionSpec spec = builder.biasStage(stage).softcap(1.5).scale(0.7).build();
      Sequences s = spec.sequences();
      long[] query = {s.count(), 4, s.extentQ(), 3};
      long[] key = {s.count(), 2, s.extentK(), 3};
      if (s.isRagged()) {
        query = new long[] {s.extentQ(), 4, 3};
        key = new long[] {s.extentK(), 2, 3};
      }
      AttentionInputs inputs =
          AttentionInputs.of(numbers(random, query), numbers(random, key), numbers(random, key))
              .withBias(bias)
              .withDropout(Dropout.of(0.2, 3, 4));
      check(Attention.plan(spec), inputs, numbers(random, query), text + ", " + stage);
    }
  }

  private static AttentionSpec.Builder biasSpec(Sequences sequences) {
    return AttentionSpec.builder()
        .layout(sequences.isRagged() ? Layout.TND : Layout.BNSD)
        .sequences(sequences)
        .heads(4, 2)
        .dims(3, 3)
        .mask(Mask.causal())
        .backend("reference");
  }

  @Test
  void alibiSlopeGradients() {
    SplittableRandom random = new SplittableRandom(27);
    for (AlibiBias.Curve curve : AlibiBias.Curve.values()) {
      Bias shared = new AlibiBias(numbers(random, 4), curve, Alignment.TOP_LEFT, -1);
      checkBias(random, biasSpec(Sequences.padded(2, 2, 3)), shared, "one for all, " + curve);
      Bias own = new AlibiBias(numbers(random, 2, 4), curve, Alignment.BOTTOM_RIGHT, 0);
      Sequences ragged = Sequences.ragged(new long[] {0, 2, 3}, new long[] {0, 3, 5});
      checkBias(random, biasSpec(ragged), own, "one for each, " + curve);
    }
  }

  @Test
  void toeplitzGradients() {
    SplittableRandom random = new SplittableRandom(28);
    Sequences padded = Sequences.padded(2, 4, 4);
    Sequences ragged = Sequences.ragged(new long[] {0, 4, 6}, new long[] {0, 4, 6});
    for (long[] shape : new long[][] {{1, 4, 2, 4}, {2, 1, 3, 4}, {1, 1, 4, 4}}) {
      Bias bias = new ToeplitzBias(numbers(random, shape));
      checkBias(random, biasSpec(padded), bias, "padded");
      checkBias(random, biasSpec(ragged), bias, "ragged");
    }
  }

  @Test
  void packedBiasGradients() {
    SplittableRandom random = new SplittableRandom(29);
    Sequences ragged = Sequences.ragged(new long[] {0, 2, 3}, new long[] {0, 3, 5});
    Bias each = new PackedBias(numbers(random, 4 * (2 * 3 + 2)), false);
    checkBias(random, biasSpec(ragged), each, "packed");
    Bias perKey = new PackedBias(numbers(random, 4 * (3 + 2)), true);
    checkBias(random, biasSpec(ragged), perKey, "packed, per key");
  }

  /** Rows of the tensors that belong to no sequence have no gradient, over whatever they hold. */
  @Test
  void gradientsWithGapsAndLeftPadding() {
    SplittableRandom random = new SplittableRandom(30);
    int[] lengths = {2, 1};
    Sequences padded =
        Sequences.padded(4, 4, new int[] {2, 0}, lengths, new int[] {1, 3}, new int[] {3, 1});
    checkBias(random, biasSpec(padded), Bias.dense(numbers(random, 1, 4, 4, 1)), "left padding");
    Sequences gaps =
        Sequences.ragged(5, 6, new long[] {1, 4}, lengths, new long[] {0, 4}, new int[] {3, 2});
    checkBias(random, biasSpec(gaps), Bias.dense(numbers(random, 2, 4, 2, 3)), "gaps");
  }
}
