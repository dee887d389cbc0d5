package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.assertClose;
import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the documents say, by numbers that follow by hand. */
@NullMarked
class IncreFlashAttentionTest {
  static Stream<String> backends() {
    return Tensors.backends();
  }

  /** One head of one column: every number is plain to see. */
  private static IncreFlashAttention line(
      String backend, float query, float[] keys, float[] values) {
    return IncreFlashAttention.of(
            Tensor.of(new float[] {query}, 1, 1, 1),
            Tensor.of(keys, 1, keys.length, 1),
            Tensor.of(values, 1, values.length, 1))
        .returnSoftmaxLse(true)
        .backend(backend);
  }

  private static double only(Tensor tensor) {
    assertThat(tensor.elements()).isEqualTo(1);
    return Oracle.doubles(tensor)[0];
  }

  private static double out(IncreFlashAttention call) {
    return only(call.forward().attentionOut());
  }

  private static double lse(IncreFlashAttention call) {
    return only(Objects.requireNonNull(call.forward().softmaxLse()));
  }

  private static Tensor bools(int... elements) {
    byte[] bytes = new byte[elements.length];
    for (int n = 0; n < bytes.length; n++) {
      bytes[n] = (byte) elements[n];
    }
    return Tensor.of(bytes, DType.INT8, 1, bytes.length);
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void theScaleIsOneUnlessGiven(String backend) {
    IncreFlashAttention four =
        IncreFlashAttention.of(
                Tensor.of(new float[] {1, 1, 1, 1}, 1, 1, 4),
                Tensor.of(new float[] {0, 0, 0, 0, 0.25f, 0.25f, 0.25f, 0.25f}, 1, 2, 4),
                Tensor.of(new float[] {0, 0, 0, 0, 1, 1, 1, 1}, 1, 2, 4))
            .backend(backend);
    assertThat(four.forward().attentionOut().get(0, 0, 0))
        .isCloseTo(sigmoid(1), org.assertj.core.data.Offset.offset(1e-6));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void theScaleComesBeforeThePseShift(String backend) {
    IncreFlashAttention call =
        line(backend, 2, new float[] {1, 3}, new float[] {0, 1})
            .scaleValue(0.5)
            .pseShift(Tensor.of(new float[] {1, 0}, 1, 1, 1, 2));
    // Scores 0.5 * 2 + 1 and 0.5 * 6.
    assertThat(out(call)).isCloseTo(sigmoid(1), org.assertj.core.data.Offset.offset(1e-6));
    assertThat(lse(call))
        .isCloseTo(Math.log(Math.exp(2) + Math.exp(3)), org.assertj.core.data.Offset.offset(1e-6));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void keysThatAreAllHiddenShareTheRowEvenly(String backend) {
    IncreFlashAttention call =
        line(backend, 1, new float[] {5, 1, 2, 9}, new float[] {1, 2, 6, 700})
            .attnMask(bools(1, -1, 1, 0))
            .actualSeqLengths(3);
    assertThat(out(call)).isEqualTo(3);
    assertThat(lse(call)).isEqualTo(-1e12f);
    assertThat(out(call.actualSeqLengths(2))).isEqualTo(1.5);
    // One key that is seen takes all.
    assertThat(out(call.actualSeqLengths(4))).isEqualTo(700);
    assertThat(lse(call)).isEqualTo(9);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void whatStandsInHiddenKeysDoesNotMatter(String backend) {
    float nan = Float.NaN;
    float[] keys = {nan, Float.POSITIVE_INFINITY, 3};
    assertThat(out(line(backend, 1, keys, new float[] {nan, 2, 5}).attnMask(bools(1, 1, 0))))
        .isEqualTo(5);
    // All hidden: the values count, the keys do not.
    assertThat(out(line(backend, nan, keys, new float[] {1, 2, 6}).attnMask(bools(1, 1, 1))))
        .isEqualTo(3);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void withoutKeysTheOutputIsZero(String backend) {
    IncreFlashAttention call =
        line(backend, 1, new float[] {5, 1}, new float[] {1, 2}).attnMask(bools(1, 1));
    assertThat(out(call.actualSeqLengths(0))).isZero();
    assertThat(lse(call)).isEqualTo(Double.NEGATIVE_INFINITY);
    call.quantScale2(Tensor.of(new float[] {9}, 1));
    assertThat(out(call)).isZero();
    assertThat(out(call.quantOffset2(Tensor.of(new float[] {-7}, 1)))).isEqualTo(-7);
  }

  @Test
  void aMaskWithoutElementsIsNone() {
    IncreFlashAttention call = line("reference", 0, new float[] {5, 1}, new float[] {1, 2});
    assertThat(out(call.attnMask(Tensor.zeros(DType.BOOL, 0, 1, 1, 2)))).isEqualTo(1.5);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void leftPaddingMovesTheWindowToTheEnd(String backend) {
    IncreFlashAttention call =
        line(backend, 0, new float[5], new float[] {1, 2, 4, 8, 16})
            .kvPaddingSize(Tensor.of(new long[] {1}, 1));
    assertThat(out(call)).as("ignored without lengths").isEqualTo(31 / 5f);
    assertThat(out(call.actualSeqLengths(2))).as("rows 2 and 3").isEqualTo(6);
    // Mask and bias are counted from the cache's first row.
    assertThat(out(call.attnMask(bools(0, 0, 1, 0, 0)))).isEqualTo(8);
    call.attnMask(null).pseShift(Tensor.of(new float[] {9, 9, 0, 99}, 1, 1, 1, 4));
    assertThat(out(call)).isEqualTo(8);
    call.pseShift(null);
    assertThat(out(call.actualSeqLengths(4))).isEqualTo(15 / 4f);
    assertThat(out(call.actualSeqLengths(5))).as("would begin before row 0").isZero();
    call.actualSeqLengths(2);
    for (long size : new long[] {-1, Long.MIN_VALUE, 0}) {
      call.kvPaddingSize(Tensor.of(new long[] {size}, 1));
      assertThat(out(call)).as("below 0 is 0").isEqualTo(12);
    }
    for (long size : new long[] {4, 6, Long.MAX_VALUE}) {
      call.kvPaddingSize(Tensor.of(new long[] {size}, new long[] {1}).select(0, 0));
      assertThat(out(call)).as("begins before row 0 by %d", size).isZero();
    }
  }

  /** One key of weight one: the output is its value. */
  private static double quantised(float value, float scale, float offset) {
    IncreFlashAttention.Result result =
        line("reference", 0, new float[] {0}, new float[] {value})
            .quantScale2(Tensor.of(new float[] {scale}, 1))
            .quantOffset2(Tensor.of(new float[] {offset}, 1))
            .forward();
    assertThat(result.attentionOut().dtype()).isEqualTo(DType.INT8);
    return only(result.attentionOut());
  }

  @Test
  void theInt8OutputIsRoundedByWayOfFloat16() {
    assertThat(quantised(1, 2.5f, 0)).isEqualTo(3);
    assertThat(quantised(1, -2.5f, 0)).isEqualTo(-3);
    assertThat(quantised(1, 2.25f, 0)).isEqualTo(2);
    assertThat(quantised(3, 2, -1.5f)).as("4.5").isEqualTo(5);
    // 2.5 - 2^-13 is 2.5 in float16, and so 3.
    assertThat(quantised(1, 2.5f - 0x1p-13f, 0)).isEqualTo(3);
    assertThat(quantised(1, 2.5f - 0x1p-9f, 0)).isEqualTo(2);
    assertThat(quantised(1, 1000, 0)).isEqualTo(127);
    assertThat(quantised(1, -1000, 0)).isEqualTo(-128);
    assertThat(quantised(1, 1e30f, 0)).isEqualTo(127);
    assertThat(quantised(1, -1e30f, 0)).isEqualTo(-128);
  }

  /** Two values of equal weight, whose mean lies halfway between two numbers of the dtype. */
  private static double mean(DType dtype, double first, double second) {
    Tensor values = Tensor.of(new float[] {(float) first, (float) second}, 1, 2, 1).to(dtype);
    Tensor zero = Tensor.zeros(dtype, 1, 1, 1);
    return out(
        IncreFlashAttention.of(zero, Tensor.zeros(dtype, 1, 2, 1), values).backend("reference"));
  }

  @Test
  void halvesOfFloat16GoAwayFromZeroAndThoseOfBfloat16ToEven() {
    assertThat(mean(DType.FLOAT16, 1, 1 + 0x1p-10)).isEqualTo(1 + 0x1p-10);
    assertThat(mean(DType.FLOAT16, -1, -1 - 0x1p-10)).isEqualTo(-1 - 0x1p-10);
    assertThat(mean(DType.BFLOAT16, 1, 1 + 0x1p-7)).isEqualTo(1);
    assertThat(mean(DType.BFLOAT16, 1 + 0x1p-7, 1 + 0x1p-6)).isEqualTo(1 + 0x1p-6);
  }

  private static final float[] INTEGERS = {-128, 0, 127, 3};

  @Test
  void integersTakeTheOffsetBeforeTheScale() {
    Tensor cache = Tensor.of(INTEGERS, 1, 4, 1).to(DType.INT8);
    Tensor zero = Tensor.zeros(DType.FLOAT32, 1, 1, 1);
    IncreFlashAttention call =
        IncreFlashAttention.of(zero, cache, cache)
            .antiquantScale(Tensor.of(new float[] {1, 0.5f}, 2))
            .antiquantOffset(Tensor.of(new float[] {100, 2}, 2))
            .backend("reference");
    // Mean 0.5 of the integers.
    assertThat(out(call)).isEqualTo((0.5 + 2) * 0.5);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void severalRowsEndBesideTheLastKeyOfTheWindow(String backend) {
    IncreFlashAttention call =
        IncreFlashAttention.of(
                Tensor.zeros(DType.FLOAT32, 1, 3, 1),
                Tensor.zeros(DType.FLOAT32, 1, 5, 1),
                Tensor.of(new float[] {1, 3, 5, 7, 1000}, 1, 5, 1))
            .actualSeqLengths(4)
            .backend(backend);
    assertThat(call.causal(true).forward().attentionOut().toFloatArray()).containsExactly(2, 3, 4);
    assertThat(call.causal(false).forward().attentionOut().toFloatArray()).containsExactly(4, 4, 4);
    // Rows before the window's first key see nothing.
    assertThat(call.causal(true).actualSeqLengths(2).forward().attentionOut().toFloatArray())
        .containsExactly(0, 1, 2);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void aPrefixStandsInFrontOfEverySequence(String backend) {
    Tensor prefix = Tensor.of(new float[] {10, 20}, 1, 2, 1);
    IncreFlashAttention call =
        IncreFlashAttention.of(
                Tensor.zeros(DType.FLOAT32, 2, 1, 1),
                Tensor.zeros(DType.FLOAT32, 2, 2, 1),
                Tensor.of(new float[] {30, 40, 60, 80}, 2, 2, 1))
            .sharedPrefix(Tensor.zeros(DType.FLOAT32, 1, 2, 1), prefix)
            .backend(backend);
    assertClose("both", call.forward().attentionOut(), new double[] {25, 42.5}, 1e-5);
    call.actualSeqLengths(1, 0);
    assertClose("windows", call.forward().attentionOut(), new double[] {20, 15}, 1e-5);
    // The prefix's columns come first.
    Tensor mask = Tensor.of(new byte[] {1, 0, 0, 1, 1, 1, 1, 1}, DType.BOOL, 2, 4);
    call.actualSeqLengths((int @Nullable []) null).attnMask(mask);
    assertClose("masked", call.forward().attentionOut(), new double[] {25, 42.5}, 1e-5);
  }

  @Test
  void theInputsOfAnotherLayerKeepThePlan() {
    Tensor query = normal(1, 2, 1, 8);
    Tensor key = normal(2, 2, 9, 8);
    IncreFlashAttention call = IncreFlashAttention.of(query, key, key);
    Object plan = call.plan();
    assertThat(call.inputs(normal(3, 2, 1, 8), normal(4, 2, 9, 8), key).plan()).isSameAs(plan);
    IncreFlashAttention.Result result = call.forward();
    assertThat(result.core().plan()).isSameAs(plan);
    assertThat(result.core().result().out().toFloatArray())
        .isEqualTo(result.attentionOut().toFloatArray());
    assertThat(call.inputs(query, normal(4, 2, 10, 8), normal(4, 2, 10, 8)).plan())
        .isNotSameAs(plan);
  }

  /** What differs from layer to layer of a model keeps the plan and takes effect. */
  @Test
  void theTensorsOfAnotherLayerTakeEffect() {
    Tensor query = normal(1, 2, 1, 8);
    Tensor key = Tensor.zeros(DType.INT8, 2, 32, 8);
    key.assign(normal(2, 2, 32, 8));
    IncreFlashAttention call =
        dressed(IncreFlashAttention.of(query, key, key), 10).actualSeqLengths(32, 7);
    Object plan = call.plan();
    IncreFlashAttention.Result first = call.forward();
    IncreFlashAttention.Result second = dressed(call, 20).forward();
    assertThat(call.plan()).isSameAs(plan);
    IncreFlashAttention fresh =
        dressed(IncreFlashAttention.of(query, key, key), 20).actualSeqLengths(32, 7);
    assertThat(second.attentionOut().toFloatArray())
        .isEqualTo(fresh.forward().attentionOut().toFloatArray())
        .isNotEqualTo(first.attentionOut().toFloatArray());
    assertThat(call.antiquantOffset(null).plan()).isNotSameAs(plan);
  }

  private static IncreFlashAttention dressed(IncreFlashAttention call, long seed) {
    return call.pseShift(normal(seed, 2, 1, 1, 37))
        .antiquantScale(normal(seed + 1, 2, 8))
        .antiquantOffset(normal(seed + 2, 2, 8))
        .quantScale2(normal(seed + 3, 8))
        .quantOffset2(normal(seed + 4, 8))
        .sharedPrefix(normal(seed + 5, 1, 5, 8), normal(seed + 6, 1, 5, 8));
  }

  /** The prefix is one sequence to the core as soon as all rows see it alike. */
  @Test
  void aPrefixIsReadOnce() {
    Tensor prefix = normal(3, 1, 7, 8);
    Tensor query = normal(1, 4, 1, 8);
    Tensor key = normal(2, 4, 9, 8);
    IncreFlashAttention one =
        IncreFlashAttention.of(query, key, key)
            .sharedPrefix(prefix, prefix)
            .attnMask(Tensor.zeros(DType.BOOL, 4, 16))
            .causal(true);
    assertThat(sequencesOfPrefix(one)).isEqualTo(1);
    IncreFlashAttention several =
        IncreFlashAttention.of(normal(1, 4, 3, 8), key, key)
            .sharedPrefix(prefix, prefix)
            .causal(true);
    assertThat(sequencesOfPrefix(several)).isEqualTo(1);
    assertThat(sequencesOfPrefix(several.actualSeqLengths(2))).isEqualTo(4);
  }

  private static int sequencesOfPrefix(IncreFlashAttention call) {
    return Objects.requireNonNull(IncreStep.of(call).prefix()).spec().sequences().count();
  }

  @Test
  void aListOfOneIsTheTensor() {
    Tensor query = normal(1, 2, 1, 8);
    Tensor key = normal(2, 2, 9, 8);
    assertThat(
            IncreFlashAttention.of(query, List.of(key), List.of(key))
                .forward()
                .attentionOut()
                .toFloatArray())
        .isEqualTo(IncreFlashAttention.of(query, key, key).forward().attentionOut().toFloatArray());
  }
}
