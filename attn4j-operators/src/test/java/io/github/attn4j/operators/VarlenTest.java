package io.github.attn4j.operators;

import static io.github.attn4j.operators.FlashAttnDraws.assertSame;
import static io.github.attn4j.operators.Tensors.assertClose;
import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.attn4j.Alignment;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Different ways to say the same call agree in every bit; the numbers themselves are the business
 * of the random calls.
 */
@NullMarked
class VarlenTest {
  private static final int[] QUERIES = {7, 0, 12, 3};
  private static final int[] KEYS = {7, 4, 9, 20};
  private static final int PAD = 20;
  private static final int GROUP = 3;
  private static final int KV_HEADS = 2;
  private static final int D = 8;

  static Stream<String> backends() {
    return Tensors.backends();
  }

  private static Tensor cumulative(int... lengths) {
    int[] ends = new int[lengths.length + 1];
    for (int b = 0; b < lengths.length; b++) {
      ends[b + 1] = ends[b] + lengths[b];
    }
    return Tensor.of(ends, ends.length);
  }

  private static <C extends FlashAttnVarlen<C>> C with(C call, String backend) {
    return call.maxSeqlenQ(PAD).maxSeqlenK(PAD).scale(0.3).causal(true).backend(backend);
  }

  private static FlashAttnVarlenQkvpacked packed(Tensor qkv, String backend) {
    return with(FlashAttnVarlenQkvpacked.of(qkv, cumulative(QUERIES), cumulative(KEYS)), backend);
  }

  private static FlashAttnUnpadded unpacked(
      Tensor query, Tensor key, Tensor value, String backend) {
    return with(
        FlashAttnUnpadded.of(query, key, value, cumulative(QUERIES), cumulative(KEYS)), backend);
  }

  /** Rows of the sequences, each from {@code b * PAD}, one behind the other. */
  private static Tensor unpad(Tensor padded, int[] lengths) {
    long[] shape = padded.shape();
    shape[0] = Arrays.stream(lengths).sum();
    Tensor dense = Tensor.zeros(padded.dtype(), shape);
    long at = 0;
    for (int b = 0; b < lengths.length; b++) {
      Tensor rows = padded.slice(0, (long) b * PAD, (long) b * PAD + lengths[b]);
      dense.slice(0, at, at + lengths[b]).assign(rows);
      at += lengths[b];
    }
    return dense;
  }

  /** The document's own call, with its numbers of heads: six to a group, as 8 = 6 + 2 says. */
  @ParameterizedTest
  @MethodSource("backends")
  void theDocumentsExampleRuns(String backend) {
    Tensor rows = normal(1, 256, 8, 16).to(DType.FLOAT16);
    Tensor qkv = Tensor.zeros(DType.FLOAT16, 256, 8, 3, 16);
    for (int n = 0; n < 3; n++) {
      qkv.select(2, n).assign(rows);
    }
    Tensor ends = Tensor.of(new int[] {0, 128, 256}, 3);
    FlashAttnVarlenQkvpacked call =
        FlashAttnVarlenQkvpacked.of(qkv, ends, ends)
            .maxSeqlenQ(128)
            .maxSeqlenK(128)
            .scale(0.25)
            .dropout(0.0)
            .causal(false)
            .returnSoftmax(false)
            .backend(backend);
    FlashAttnVarlen.Result result = call.forward();
    assertThat(result.out().shape()).containsExactly(256, 18, 16);
    assertThat(result.out().dtype()).isEqualTo(DType.FLOAT16);
    assertThat(result.softmax()).isNull();
    // Equal slots: slot (g, k) is the row's g-th head, and reads key head (3 g + k) / 6 of three,
    // all of which are the row's sixth.
    Inputs plain =
        new Inputs(
            rows.reshape(2, 128, 8, 16).slice(2, 0, 6),
            rows.reshape(2, 128, 8, 16).slice(2, 6, 7),
            rows.reshape(2, 128, 8, 16).slice(2, 7, 8));
    Oracle oracle = plain.oracle(Oracle.ALL);
    oracle.scale = 0.25;
    Tensor everyThird = result.out().reshape(256, 6, 3, 16).select(2, 1);
    // One rounding of a number below 4.
    assertClose("out", everyThird.reshape(2, 128, 6, 16), oracle.out(), 2e-3);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void paddedIsUnpadded(String backend) {
    Tensor queries = normal(1, 4 * PAD, GROUP, KV_HEADS, D);
    Tensor keys = normal(2, 4 * PAD, 2, KV_HEADS, D);
    Tensor qkv = Tensor.zeros(DType.FLOAT32, 4 * PAD, GROUP + 2, KV_HEADS, D);
    qkv.slice(1, 0, GROUP).assign(queries);
    qkv.slice(1, GROUP, GROUP + 2).assign(keys);
    FlashAttnVarlenQkvpacked padded = packed(qkv, backend);
    FlashAttnVarlen.Result result = padded.forward();
    Tensor dout = normal(3, result.out().shape());
    Tensor dqkv = padded.backward(result, dout).dqkv();

    Tensor heads = queries.reshape(4L * PAD, GROUP * KV_HEADS, D);
    FlashAttnUnpadded dense =
        unpacked(
            unpad(heads, QUERIES),
            unpad(keys.select(1, 0), KEYS),
            unpad(keys.select(1, 1), KEYS),
            backend);
    FlashAttnVarlen.Result expected = dense.forward();
    FlashAttnUnpadded.Gradients gradients = dense.backward(expected, unpad(dout, QUERIES));
    assertSame("out", unpad(result.out(), QUERIES), expected.out());
    Tensor dheads = dqkv.slice(1, 0, GROUP).copy().reshape(4L * PAD, GROUP * KV_HEADS, D);
    assertSame("dquery", unpad(dheads, QUERIES), gradients.dquery());
    assertSame("dkey", unpad(dqkv.select(1, GROUP), KEYS), gradients.dkey());
    assertSame("dvalue", unpad(dqkv.select(1, GROUP + 1), KEYS), gradients.dvalue());
    for (int b = 0; b < 4; b++) {
      assertZero(result.out(), b, QUERIES[b]);
      assertZero(dheads, b, QUERIES[b]);
      assertZero(dqkv.select(1, GROUP), b, KEYS[b]);
      assertZero(dqkv.select(1, GROUP + 1), b, KEYS[b]);
    }
  }

  private static void assertZero(Tensor padded, int b, int length) {
    Tensor padding = padded.slice(0, (long) b * PAD + length, (b + 1L) * PAD);
    for (float element : padding.toFloatArray()) {
      assertThat(element).isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void aBatchIsItsSequences(String backend) {
    Tensor query = normal(1, 22, 6, D);
    Tensor key = normal(2, 40, 2, D);
    Tensor value = normal(3, 40, 2, 5);
    FlashAttnUnpadded batch = unpacked(query, key, value, backend);
    FlashAttnVarlen.Result result = batch.forward();
    Tensor dout = normal(4, result.out().shape());
    FlashAttnUnpadded.Gradients gradients = batch.backward(result, dout);
    int q = 0;
    int k = 0;
    for (int b = 0; b < QUERIES.length; b++) {
      int toQ = q + QUERIES[b];
      int toK = k + KEYS[b];
      FlashAttnUnpadded alone =
          with(
              FlashAttnUnpadded.of(
                  query.slice(0, q, toQ),
                  key.slice(0, k, toK),
                  value.slice(0, k, toK),
                  cumulative(QUERIES[b]),
                  cumulative(KEYS[b])),
              backend);
      FlashAttnVarlen.Result one = alone.forward();
      assertSame("out", result.out().slice(0, q, toQ), one.out());
      FlashAttnUnpadded.Gradients of = alone.backward(one, dout.slice(0, q, toQ));
      assertSame("dquery", gradients.dquery().slice(0, q, toQ), of.dquery());
      assertSame("dkey", gradients.dkey().slice(0, k, toK), of.dkey());
      assertSame("dvalue", gradients.dvalue().slice(0, k, toK), of.dvalue());
      q = toQ;
      k = toK;
    }
  }

  /** Head h reads key and value head h / G, which is not the one it is packed beside. */
  @ParameterizedTest
  @MethodSource("backends")
  void groupedHeadsAreRepeatedHeads(String backend) {
    Tensor qkv = normal(1, 40, GROUP + 2, KV_HEADS, D);
    FlashAttnVarlenQkvpacked grouped = packed(qkv, backend).varlenPadded(false);
    Tensor query = qkv.slice(1, 0, GROUP).copy().reshape(40, GROUP * KV_HEADS, D);
    Tensor key = qkv.select(1, GROUP).copy().reshape(40, KV_HEADS, 1, D);
    Tensor value = qkv.select(1, GROUP + 1).copy().reshape(40, KV_HEADS, 1, D);
    FlashAttnUnpadded each = unpacked(query, repeated(key), repeated(value), backend);
    assertSame("out", grouped.forward().out(), each.forward().out());
  }

  private static Tensor repeated(Tensor heads) {
    return heads.expand(40, KV_HEADS, GROUP, D).copy().reshape(40, KV_HEADS * GROUP, D);
  }

  @Test
  void thePackedTensorIsNotCopied() {
    Tensor qkv = normal(1, 4 * PAD, GROUP + 2, KV_HEADS, D);
    CoreCall core = packed(qkv, "reference").forward().core();
    assertThat(core.inputs().query().segment()).isSameAs(qkv.segment());
    assertThat(core.inputs().key().segment()).isSameAs(qkv.segment());
    assertThat(core.inputs().value().segment()).isSameAs(qkv.segment());
    assertThat(core.plan().backend()).isEqualTo("reference");
    // Heads that no strides can join are copied, and nothing changes.
    Tensor swapped = qkv.transpose(1, 2).copy().transpose(1, 2);
    assertSame(
        "out",
        packed(swapped, "reference").forward().out(),
        packed(qkv, "reference").forward().out());
  }

  @ParameterizedTest
  @MethodSource("backends")
  void causalIsTopLeftUnlessBottomRightIsAskedFor(String backend) {
    Tensor query = normal(1, 3, 1, 4);
    Tensor key = normal(2, 5, 1, 4);
    // The unit matrix as value: the output is the matrix of probabilities.
    Tensor value = Tensor.zeros(DType.FLOAT32, 5, 1, 5);
    for (int j = 0; j < 5; j++) {
      value.set(1, j, 0, j);
    }
    FlashAttnUnpadded call =
        with(FlashAttnUnpadded.of(query, key, value, cumulative(3), cumulative(5)), backend);
    Tensor byDefault = call.forward().out();
    for (Alignment alignment : Alignment.values()) {
      Tensor out = call.causalAlignment(alignment).forward().out();
      int offset = alignment == Alignment.TOP_LEFT ? 0 : 2;
      for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 5; j++) {
          assertThat(out.get(i, 0, j) > 0).isEqualTo(j <= i + offset);
        }
      }
    }
    assertSame("unless given", byDefault, call.causalAlignment(Alignment.TOP_LEFT).forward().out());
  }

  @ParameterizedTest
  @MethodSource("backends")
  void theSoftmaxShowsWhatWasDropped(String backend) {
    Tensor qkv = normal(1, 4 * PAD, GROUP + 2, KV_HEADS, D);
    FlashAttnVarlenQkvpacked call =
        packed(qkv, backend).dropout(0.4).returnSoftmax(true).maxSeqlenK(PAD).rngName("varlen");
    FlashAttnVarlen.Result result = call.forward();
    Tensor softmax = Objects.requireNonNull(result.softmax());
    assertThat(softmax.shape()).containsExactly(4, GROUP * KV_HEADS, 128, 128);
    assertThat(softmax.dtype()).isEqualTo(DType.FLOAT32);
    // out = sum of what is kept / 0.6 times value
    int b = 2;
    for (int h = 0; h < GROUP * KV_HEADS; h++) {
      for (int i = 0; i < QUERIES[b]; i++) {
        double sum = 0;
        double whole = 0;
        for (int j = 0; j < KEYS[b]; j++) {
          double p = softmax.get(b, h, i, j);
          whole += Math.abs(p);
          double value = qkv.get(b * PAD + j, GROUP + 1, h / GROUP, 0);
          sum += Math.max(p, 0) / 0.6 * value;
        }
        assertThat(whole).isCloseTo(1, within(1e-5));
        assertThat(result.out().get(b * PAD + i, h, 0)).isCloseTo(sum, within(1e-5));
      }
    }
  }

  @Test
  void dropoutComesFromTheGeneratorOrTheFixedPair() {
    Tensor qkv = normal(1, 4 * PAD, GROUP + 2, KV_HEADS, D);
    FlashAttnVarlenQkvpacked call = packed(qkv, "reference").dropout(0.4).rngName("packed");
    RandomGenerators.seed("packed", 11);
    Tensor first = call.forward().out();
    Dropout second = Objects.requireNonNull(call.forward().core().inputs().dropout());
    assertThat(second.seed()).isEqualTo(11);
    assertThat(second.offset()).isEqualTo(4 * GROUP * KV_HEADS * 32);
    assertThat(call.forward().out().toFloatArray()).isNotEqualTo(first.toFloatArray());
    call.fixedSeedOffset(Tensor.of(new long[] {11, 0}, 2));
    assertSame("replayed", call.forward().out(), first);
    Tensor whole = packed(qkv, "reference").forward().out();
    assertSame("not training", call.training(false).name("layer 3").forward().out(), whole);
  }

  @Test
  void noSequencesGiveZeros() {
    Tensor qkv = normal(1, 5, GROUP + 2, KV_HEADS, D);
    Tensor none = cumulative();
    FlashAttnVarlenQkvpacked call = with(FlashAttnVarlenQkvpacked.of(qkv, none, none), "reference");
    FlashAttnVarlen.Result result = call.forward();
    assertThat(result.out().shape()).containsExactly(5, GROUP * KV_HEADS, D);
    assertThat(result.out().toFloatArray()).containsOnly(0);
    assertThat(call.backward(result, result.out()).dqkv().toFloatArray()).containsOnly(0);
  }
}
