package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.assertClose;
import static io.github.attn4j.operators.Tensors.normal;
import static io.github.attn4j.operators.Tensors.rows;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Alignment;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Tensor;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

@NullMarked
class FlashmaskAttentionTest {
  private static final double TOLERANCE = 2e-5;

  static Stream<String> backends() {
    return Tensors.backends();
  }

  private static Tensor lse(FlashmaskAttention.Result result) {
    return Objects.requireNonNull(result.softmaxLse());
  }

  private static void assertMatches(FlashmaskAttention call, Oracle oracle) {
    FlashmaskAttention.Result result = call.forward();
    assertClose("out", result.out(), oracle.out(), TOLERANCE);
    assertClose("softmax_lse", lse(result), oracle.lse(), TOLERANCE);
    assertBackwardMatchesReference(call, result);
  }

  /** The reference's gradients are checked by differences in a test of their own. */
  private static void assertBackwardMatchesReference(
      FlashmaskAttention call, FlashmaskAttention.Result result) {
    Tensor dout = normal(9, result.out().shape());
    FlashmaskAttention.Gradients gradients = call.backward(result, dout);
    call.backend("reference");
    FlashmaskAttention.Gradients expected = call.backward(call.forward(), dout);
    assertClose("dquery", gradients.dquery(), Oracle.doubles(expected.dquery()), 1e-4);
    assertClose("dkey", gradients.dkey(), Oracle.doubles(expected.dkey()), 1e-4);
    assertClose("dvalue", gradients.dvalue(), Oracle.doubles(expected.dvalue()), 1e-4);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void everyFormOfTheIndicesMasksTheUnionOfItsIntervals(String backend) {
    for (int[] lengths : new int[][] {{37, 37}, {21, 40}, {40, 21}, {1, 9}, {9, 1}}) {
      Inputs inputs = Inputs.of(lengths[0], lengths[1]);
      for (boolean causal : new boolean[] {true, false}) {
        for (int columns : causal ? new int[] {1, 2} : new int[] {2, 4}) {
          for (int heads : new int[] {1, 2, 4}) {
            Tensor indices = rows(columns, lengths[0], 2, heads, lengths[1], columns);
            Oracle.Rule rule = inputs.columns(indices, causal);
            assertMatches(
                inputs.call(backend).startendRowIndices(indices).causal(causal),
                inputs.oracle(causal ? rule.and(inputs.causal()) : rule));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void withoutIndicesItIsOrdinaryAttention(String backend) {
    Inputs inputs = Inputs.of(13, 22);
    assertMatches(inputs.call(backend), inputs.oracle(Oracle.ALL));
    assertMatches(inputs.call(backend).causal(true), inputs.oracle(inputs.causal()));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void causalIsBottomRightUnlessTopLeftIsAskedFor(String backend) {
    for (int[] lengths : new int[][] {{9, 14}, {14, 9}}) {
      Inputs inputs = Inputs.of(lengths[0], lengths[1]);
      assertMatches(
          inputs.call(backend).causal(true).causalAlignment(Alignment.TOP_LEFT),
          inputs.oracle((b, h, i, j) -> j <= i));
      assertMatches(
          inputs.call(backend).causal(true).causalAlignment(Alignment.BOTTOM_RIGHT),
          inputs.oracle((b, h, i, j) -> j <= i + lengths[1] - lengths[0]));
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void windowsIncludeBothEndsAndHaveNoOpenOne(String backend) {
    Inputs inputs = Inputs.of(23, 23);
    for (int[] w : new int[][] {{3, 5}, {0, 0}, {-1, -1}, {-2, 6}, {6, -2}, {100, 100}, {-1, 3}}) {
      assertMatches(
          inputs.call(backend).windowSize(w[0], w[1]),
          inputs.oracle((b, h, i, j) -> i - w[0] <= j && j <= i + w[1]));
      assertMatches(
          inputs.call(backend).windowSize(w[0], w[1]).causal(true),
          inputs.oracle((b, h, i, j) -> i - w[0] <= j && j <= i));
    }
    Tensor both = inputs.call(backend).windowSize(4).forward().out();
    Tensor pair = inputs.call(backend).windowSize(4, 4).forward().out();
    assertClose("int window", both, Oracle.doubles(pair), 0);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void blockMasksWorkAloneAndWithTheOthers(String backend) {
    Inputs inputs = Inputs.of(2, 300, 130, 2, 1, 3, 2);
    Tensor blocks =
        Tensor.of(new int[] {1, 0, 0, 0, 7, 1, 0, 1, 1, 1, -1, 0, 0, 0}, 14)
            .slice(0, 0, 12)
            .reshape(2, 1, 3, 2);
    Oracle.Rule kept = (b, h, i, j) -> blocks.get(b, 0, i / 128, j / 128) != 0;
    assertMatches(inputs.call(backend).blockMask(blocks), inputs.oracle(kept));
    assertMatches(
        inputs.call(backend).blockMask(blocks).causal(true),
        inputs.oracle(kept.and(inputs.causal())));
    Tensor indices = rows(4, 300, 2, 1, 130, 4);
    assertMatches(
        inputs.call(backend).blockMask(blocks).startendRowIndices(indices),
        inputs.oracle(kept.and(inputs.columns(indices, false))));

    Inputs square = Inputs.of(1, 140, 140, 2, 2, 3, 2);
    Tensor perHead = Tensor.of(new int[] {1, 0, 0, 1, 0, 1, 1, 1}, 1, 2, 2, 2);
    assertMatches(
        square.call(backend).blockMask(perHead).windowSize(30, 10),
        square.oracle((b, h, i, j) ->
            perHead.get(0, h, i / 128, j / 128) != 0 && i - 30 <= j && j <= i + 10));
  }

  /** The document's own sample: where each head's rows stop seeing anything, the output is zero. */
  @ParameterizedTest
  @MethodSource("backends")
  void rowsThatSeeNothingAreZero(String backend) {
    Inputs inputs = Inputs.of(1, 10, 10, 2, 2, 32, 32);
    int[] lts = new int[20];
    java.util.Arrays.fill(lts, 0, 10, 8);
    java.util.Arrays.fill(lts, 10, 20, 5);
    FlashmaskAttention call =
        inputs.call(backend).startendRowIndices(Tensor.of(lts, 1, 2, 10, 1)).causal(true);
    FlashmaskAttention.Result result = call.forward();
    FlashmaskAttention.Gradients gradients = call.backward(result, normal(4, 1, 10, 2, 32));
    for (int h = 0; h < 2; h++) {
      for (int i = 0; i < 10; i++) {
        boolean blind = i >= (h == 0 ? 8 : 5);
        assertThat(lse(result).get(0, h, i) == Double.NEGATIVE_INFINITY).isEqualTo(blind);
        for (int c = 0; c < 32; c++) {
          assertThat(result.out().get(0, i, h, c) == 0).as("out %d %d", h, i).isEqualTo(blind);
          if (blind) {
            assertThat(gradients.dquery().get(0, i, h, c)).isZero();
            assertThat(gradients.dkey().get(0, i, h, c)).isZero();
            assertThat(gradients.dvalue().get(0, i, h, c)).isZero();
          }
        }
      }
    }
    assertThat(call.plan().tiles().visibleElements()).isEqualTo(36 + 15);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void noKeysGiveZeroAndNoQueriesGiveNothing(String backend) {
    FlashmaskAttention.Result none = Inputs.of(3, 0).call(backend).causal(true).forward();
    assertThat(none.out().toFloatArray()).hasSize(2 * 3 * 4 * 7).containsOnly(0);
    assertThat(lse(none).toFloatArray()).containsOnly(Float.NEGATIVE_INFINITY);
    assertThat(Inputs.of(0, 3).call(backend).forward().out().shape()).containsExactly(2, 0, 4, 7);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void scaleAndSinkEnterTheSoftmax(String backend) {
    Inputs inputs = Inputs.of(11, 11);
    Oracle scaled = inputs.oracle(Oracle.ALL);
    scaled.scale = -0.7;
    assertMatches(inputs.call(backend).softmaxScale(-0.7), scaled);

    Tensor indices = rows(5, 11, 2, 1, 11, 1);
    Oracle sunk = inputs.oracle(inputs.columns(indices, true).and(inputs.causal()));
    sunk.sink = new double[] {-1, 0, 0.5, 3};
    assertMatches(
        inputs
            .call(backend)
            .startendRowIndices(indices)
            .causal(true)
            .learnableSink(Tensor.of(new float[] {-1, 0, 0.5f, 3}, 4)),
        sunk);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void halfPrecisionIsComputedWide(String backend) {
    for (DType dtype : new DType[] {DType.FLOAT16, DType.BFLOAT16}) {
      Inputs wide = Inputs.of(2, 33, 33, 4, 1, 16, 16);
      Inputs half =
          new Inputs(wide.query().to(dtype), wide.key().to(dtype), wide.value().to(dtype));
      Tensor indices = FlashMaskPatterns.of(33).document(10, 20).startendRowIndices();
      FlashmaskAttention.Result result =
          FlashMaskPatterns.of(33).document(10, 20).applyTo(half.call(backend)).forward();
      assertThat(result.out().dtype()).isEqualTo(dtype);
      assertThat(lse(result).dtype()).isEqualTo(DType.FLOAT32);
      Oracle oracle =
          half.oracle(half.columns(Objects.requireNonNull(indices).expand(2, 1, 33, 2), false));
      // One rounding of a number below 4.
      assertClose("out", result.out(), oracle.out(), dtype == DType.FLOAT16 ? 2e-3 : 1.6e-2);
      assertClose("softmax_lse", lse(result), oracle.lse(), 1e-4);
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void stridedTensorsNeedNoCopy(String backend) {
    Tensor packed = normal(6, 2, 12, 3, 4, 5);
    Inputs views = new Inputs(packed.select(2, 0), packed.select(2, 1), packed.select(2, 2));
    assertMatches(views.call(backend).causal(true), views.oracle(views.causal()));
    // Not even the columns of a head need to be neighbours.
    Tensor columnsApart = normal(7, 2, 5, 4, 12).transpose(1, 3);
    Inputs apart = new Inputs(columnsApart, views.key(), columnsApart);
    assertMatches(apart.call(backend), apart.oracle(Oracle.ALL));
  }

  @Test
  void onlyWhatIsAskedForIsReturned() {
    FlashmaskAttention call =
        FlashmaskAttention.of(normal(1, 1, 2, 1, 4), normal(2, 1, 2, 1, 4), normal(3, 1, 2, 1, 4));
    FlashmaskAttention.Result bare = call.backend("reference").name("layer 3").forward();
    assertThat(bare.softmaxLse()).isNull();
    assertThat(bare.seedOffset()).isNull();
    assertThat(call.backward(bare, normal(4, 1, 2, 1, 4)).dsink()).isNull();
    FlashmaskAttention.Result all = call.returnSoftmaxLse(true).returnSeedOffset(true).forward();
    assertThat(lse(all).shape()).containsExactly(1, 1, 2);
    assertThat(Objects.requireNonNull(all.seedOffset()).shape()).containsExactly(2);
  }

  @Test
  void thePlanIsKeptUntilAnArgumentOfItChanges() {
    Inputs inputs = Inputs.of(8, 8);
    FlashmaskAttention call = inputs.call("reference").causal(true);
    AttentionPlan plan = call.plan();
    call.forward();
    assertThat(call.dropout(0.1).training(false).plan()).isSameAs(plan);
    assertThat(call.inputs(inputs.query().copy(), inputs.key(), inputs.value()).plan())
        .isSameAs(plan);
    assertThat(call.causal(false).plan()).isNotSameAs(plan);
    Inputs longer = Inputs.of(9, 9);
    assertThat(call.inputs(longer.query(), longer.key(), longer.value()).forward().out().dim(1))
        .isEqualTo(9);
  }

  private static Tensor pair(long seed, long offset) {
    return Tensor.of(new long[] {seed, offset}, 2);
  }

  @ParameterizedTest
  @EnumSource(Alignment.class)
  void gradientsAreThoseOfTheOutput(Alignment alignment) {
    Inputs inputs = Inputs.of(2, 6, 5, 4, 2, 3, 2);
    Tensor indices = rows(8, 6, 2, 2, 5, 2);
    Tensor sink = Tensor.of(new float[] {0.5f, -1, 0, 2}, 4);
    FlashmaskAttention call =
        inputs
            .call("reference")
            .startendRowIndices(indices)
            .causal(true)
            .causalAlignment(alignment)
            .softmaxScale(0.9)
            .learnableSink(sink)
            .dropout(0.25)
            .fixedSeedOffset(pair(3, 0));
    int shift = alignment == Alignment.TOP_LEFT ? 0 : -1;
    Oracle oracle =
        inputs.oracle(inputs.columns(indices, true).and((b, h, i, j) -> j <= i + shift));
    oracle.scale = 0.9;
    oracle.sink = Oracle.doubles(sink);
    oracle.p = 0.25;
    Tensor bits = call.plan().dropoutMask(Dropout.of(0.25, 3, 0));
    oracle.keep = n -> ((int) bits.get(n >> 3) >> (n & 7) & 1) == 1;

    FlashmaskAttention.Result result = call.forward();
    assertClose("out", result.out(), oracle.out(), 1e-6);
    Tensor dout = normal(5, result.out().shape());
    FlashmaskAttention.Gradients gradients = call.backward(result, dout);
    double[] weights = Oracle.doubles(dout);
    assertGradient("dquery", gradients.dquery(), oracle, oracle.query, weights);
    assertGradient("dkey", gradients.dkey(), oracle, oracle.key, weights);
    assertGradient("dvalue", gradients.dvalue(), oracle, oracle.value, weights);
    assertGradient("dsink", gradients.dsink(), oracle, oracle.sink, weights);
  }

  private static void assertGradient(
      String what, @Nullable Tensor gradient, Oracle oracle, double[] input, double[] dout) {
    assertClose(what, Objects.requireNonNull(gradient), oracle.gradient(input, dout), 2e-6);
  }
}
