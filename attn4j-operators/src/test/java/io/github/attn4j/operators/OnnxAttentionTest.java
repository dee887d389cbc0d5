package io.github.attn4j.operators;

import static io.github.attn4j.operators.FlashAttnDraws.assertSame;
import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Different ways to say the same call agree in every bit; the numbers themselves are the business
 * of the standard's cases and of the random ones.
 */
@NullMarked
class OnnxAttentionTest {
  private static final int BATCH = 2;
  private static final int HEADS = 4;
  private static final int ROWS = 9;
  private static final int KEYS = 21;

  private static final Tensor QUERY = normal(1, BATCH, HEADS, ROWS, 8);
  private static final Tensor KEY = normal(2, BATCH, 2, KEYS, 8);
  private static final Tensor VALUE = normal(3, BATCH, 2, KEYS, 6);
  private static final Tensor DOUT = normal(4, BATCH, HEADS, ROWS, 6);

  static Stream<String> backends() {
    return Tensors.backends();
  }

  private static OnnxAttention call(String backend) {
    return OnnxAttention.of(QUERY, KEY, VALUE).backend(backend);
  }

  /** Y and the gradients of both calls, and where they are asked for the gradient of the mask. */
  private static void assertSameCall(OnnxAttention call, OnnxAttention expected) {
    OnnxAttention.Result result = call.forward();
    OnnxAttention.Result other = expected.forward();
    assertSame("Y", result.y(), other.y());
    OnnxAttention.Gradients gradients = call.backward(result, DOUT);
    OnnxAttention.Gradients others = expected.backward(other, DOUT);
    assertSame("dQ", gradients.dQ(), others.dQ());
    assertSame("dK", gradients.dK(), others.dK());
    assertSame("dV", gradients.dV(), others.dV());
  }

  private interface Rule {
    boolean sees(int b, int i, int j);
  }

  /** Bool (B, 1, Sq, columns). */
  private static Tensor bools(int columns, Rule rule) {
    Tensor mask = Tensor.zeros(DType.BOOL, BATCH, 1, ROWS, columns);
    for (int b = 0; b < BATCH; b++) {
      for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < columns; j++) {
          mask.set(rule.sees(b, i, j) ? 1 : 0, b, 0, i, j);
        }
      }
    }
    return mask;
  }

  /** The same as numbers to add. */
  private static Tensor floats(Tensor bools) {
    float[] values = bools.toFloatArray();
    for (int n = 0; n < values.length; n++) {
      values[n] = values[n] == 0 ? Float.NEGATIVE_INFINITY : 0;
    }
    return Tensor.of(values, bools.shape());
  }

  private static Tensor lengths(long... lengths) {
    return Tensor.of(lengths, lengths.length);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void causalAndLengthsAreTheMasksTheySay(String backend) {
    assertSameCall(
        call(backend).isCausal(true), call(backend).attnMask(bools(KEYS, (b, i, j) -> j <= i)));
    long[] real = {13, 5};
    assertSameCall(
        call(backend).nonpadKvSeqlen(lengths(real)),
        call(backend).attnMask(bools(KEYS, (b, i, j) -> j < real[b])));
    // Five keys for nine queries: the first four rows see nothing.
    OnnxAttention aligned = call(backend).nonpadKvSeqlen(lengths(real)).isCausal(true);
    assertSameCall(
        aligned, call(backend).attnMask(bools(KEYS, (b, i, j) -> j <= i + real[b] - ROWS)));
    Tensor blind = aligned.forward().y().select(0, 1).slice(1, 0, ROWS - 5);
    assertThat(blind.toFloatArray()).containsOnly(0);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void aNegativeInfinityMasksAsFalseDoes(String backend) {
    Tensor mask = bools(KEYS, (b, i, j) -> i != 3 && (i * 7 + j * 5 + b) % 3 != 0);
    assertSameCall(call(backend).attnMask(floats(mask)), call(backend).attnMask(mask));
    assertSameCall(
        call(backend).attnMask(floats(mask)).softcap(0.5).scale(2.0),
        call(backend).attnMask(mask).softcap(0.5).scale(2.0));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void behindAShortMaskNothingIsSeen(String backend) {
    Tensor mask = bools(KEYS, (b, i, j) -> j < 6 && (i + j) % 4 != 1);
    Tensor head = mask.slice(3, 0, 6);
    assertSameCall(call(backend).attnMask(head), call(backend).attnMask(mask));
    assertSameCall(call(backend).attnMask(floats(head)), call(backend).attnMask(mask));
    // A single column is no exception: it is the first key's.
    Tensor column = bools(1, (b, i, j) -> i % 2 == 0);
    assertSameCall(
        call(backend).attnMask(column),
        call(backend).attnMask(bools(KEYS, (b, i, j) -> j == 0 && i % 2 == 0)));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void masksBroadcastFromTheRight(String backend) {
    Tensor perHead = normal(5, HEADS, ROWS, KEYS);
    Tensor full = normal(5, 1, HEADS, ROWS, KEYS).expand(BATCH, HEADS, ROWS, KEYS);
    assertSameCall(call(backend).attnMask(perHead), call(backend).attnMask(full));
    Tensor perKey = normal(6, 1, KEYS);
    Tensor all = perKey.reshape(1, 1, 1, KEYS).expand(BATCH, HEADS, ROWS, KEYS);
    assertSameCall(call(backend).attnMask(perKey), call(backend).attnMask(all));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void threeDimensionsAreFour(String backend) {
    OnnxAttention packed =
        OnnxAttention.of(packed(QUERY), packed(KEY), packed(VALUE))
            .qNumHeads(HEADS)
            .kvNumHeads(2)
            .isCausal(true)
            .returnPresent(true)
            .backend(backend);
    OnnxAttention call = call(backend).isCausal(true).returnPresent(true);
    OnnxAttention.Result result = packed.forward();
    OnnxAttention.Result expected = call.forward();
    assertSame("Y", result.y(), packed(expected.y()));
    assertSame("present_key", present(result.presentKey()), KEY);
    assertSame("present_value", present(result.presentValue()), VALUE);
    OnnxAttention.Gradients gradients = packed.backward(result, packed(DOUT));
    OnnxAttention.Gradients others = call.backward(expected, DOUT);
    assertSame("dQ", gradients.dQ(), packed(others.dQ()));
    assertSame("dK", gradients.dK(), packed(others.dK()));
    assertSame("dV", gradients.dV(), packed(others.dV()));
  }

  /** (B, H, S, D) as (B, S, H · D). */
  private static Tensor packed(Tensor tensor) {
    Tensor byRow = tensor.permute(0, 2, 1, 3).copy();
    return byRow.reshape(byRow.dim(0), byRow.dim(1), byRow.dim(2) * byRow.dim(3));
  }

  private static Tensor present(@Nullable Tensor tensor) {
    return Objects.requireNonNull(tensor);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void groupedHeadsAreRepeatedHeads(String backend) {
    Tensor wide = repeated(KEY);
    OnnxAttention.Result grouped = call(backend).isCausal(true).forward();
    OnnxAttention call =
        OnnxAttention.of(QUERY, wide, repeated(VALUE)).isCausal(true).backend(backend);
    OnnxAttention.Result each = call.forward();
    assertSame("Y", grouped.y(), each.y());
    assertSame("dQ", call.backward(grouped, DOUT).dQ(), call.backward(each, DOUT).dQ());
  }

  private static Tensor repeated(Tensor tensor) {
    long columns = tensor.dim(3);
    return tensor
        .reshape(BATCH, 2, 1, KEYS, columns)
        .expand(BATCH, 2, 2, KEYS, columns)
        .copy()
        .reshape(BATCH, HEADS, KEYS, columns);
  }

  /** Decoding row by row over a growing cache gives the rows of the whole. */
  @ParameterizedTest
  @MethodSource("backends")
  void pastAndPresentAreTheWhole(String backend) {
    Tensor query = normal(7, BATCH, HEADS, KEYS, 8);
    Tensor whole =
        OnnxAttention.of(query, KEY, VALUE).isCausal(true).backend(backend).forward().y();
    Tensor pastKey = KEY.slice(2, 0, 0);
    Tensor pastValue = VALUE.slice(2, 0, 0);
    for (int from = 0, step = 1; from < KEYS; from += step, step += 2) {
      int to = Math.min(from + step, KEYS);
      OnnxAttention.Result part =
          OnnxAttention.of(
                  query.slice(2, from, to), KEY.slice(2, from, to), VALUE.slice(2, from, to))
              .past(pastKey, pastValue)
              .isCausal(true)
              .backend(backend)
              .forward();
      assertSame("rows " + from, part.y(), whole.slice(2, from, to));
      pastKey = present(part.presentKey());
      pastValue = present(part.presentValue());
    }
    assertSame("present_key", pastKey, KEY);
    assertSame("present_value", pastValue, VALUE);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void thePastHasItsOwnGradients(String backend) {
    OnnxAttention split =
        OnnxAttention.of(QUERY, KEY.slice(2, 8, KEYS), VALUE.slice(2, 8, KEYS))
            .past(KEY.slice(2, 0, 8), VALUE.slice(2, 0, 8))
            .backend(backend);
    OnnxAttention.Gradients parts = split.backward(split.forward(), DOUT);
    OnnxAttention whole = call(backend);
    OnnxAttention.Gradients gradients = whole.backward(whole.forward(), DOUT);
    assertSame("dK", parts.dK(), gradients.dK().slice(2, 8, KEYS));
    assertSame("dV", parts.dV(), gradients.dV().slice(2, 8, KEYS));
    assertSame("dPastKey", present(parts.dPastKey()), gradients.dK().slice(2, 0, 8));
    assertSame("dPastValue", present(parts.dPastValue()), gradients.dV().slice(2, 0, 8));
    assertThat(gradients.dPastKey()).isNull();
    assertThat(gradients.dPastValue()).isNull();
  }

  /** A batch of padded caches is as many calls over caches of their own length. */
  @ParameterizedTest
  @MethodSource("backends")
  void aBatchIsItsSequences(String backend) {
    long[] real = {KEYS, 12};
    OnnxAttention.Result batch =
        call(backend).nonpadKvSeqlen(lengths(real)).isCausal(true).forward();
    for (int b = 0; b < BATCH; b++) {
      Tensor alone =
          OnnxAttention.of(
                  QUERY.slice(0, b, b + 1),
                  KEY.slice(0, b, b + 1).slice(2, 0, real[b]),
                  VALUE.slice(0, b, b + 1).slice(2, 0, real[b]))
              .nonpadKvSeqlen(lengths(real[b]))
              .isCausal(true)
              .backend(backend)
              .forward()
              .y();
      assertSame("entry " + b, batch.y().slice(0, b, b + 1), alone);
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void aValueOfAnotherDtypeIsComputedWide(String backend) {
    Tensor query = QUERY.to(DType.BFLOAT16);
    Tensor key = KEY.to(DType.BFLOAT16);
    OnnxAttention mixed = OnnxAttention.of(query, key, VALUE).backend(backend).returnPresent(true);
    OnnxAttention wide =
        OnnxAttention.of(query.to(DType.FLOAT32), key.to(DType.FLOAT32), VALUE).backend(backend);
    OnnxAttention.Result result = mixed.forward();
    assertSame("Y", result.y(), wide.forward().y().to(DType.BFLOAT16));
    assertSame("present_key", present(result.presentKey()), key);
    OnnxAttention.Gradients gradients = mixed.backward(result, DOUT.to(DType.BFLOAT16));
    assertThat(gradients.dQ().dtype()).isEqualTo(DType.BFLOAT16);
    assertThat(gradients.dK().dtype()).isEqualTo(DType.BFLOAT16);
    assertThat(gradients.dV().dtype()).isEqualTo(DType.FLOAT32);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void emptyInputsGiveEmptyResultsAndZeros(String backend) {
    OnnxAttention.Result noKeys =
        OnnxAttention.of(QUERY, KEY.slice(2, 0, 0), VALUE.slice(2, 0, 0))
            .backend(backend)
            .isCausal(true)
            .forward();
    assertThat(noKeys.y().toFloatArray()).hasSize(BATCH * HEADS * ROWS * 6).containsOnly(0);
    OnnxAttention noQueries =
        OnnxAttention.of(QUERY.slice(2, 0, 0), KEY, VALUE).backend(backend).isCausal(true);
    OnnxAttention.Result nothing = noQueries.forward();
    assertThat(nothing.y().shape()).containsExactly(BATCH, HEADS, 0, 6);
    assertThat(noQueries.backward(nothing, nothing.y()).dK().toFloatArray()).containsOnly(0);
    OnnxAttention.Result noBatch =
        OnnxAttention.of(QUERY.slice(0, 0, 0), KEY.slice(0, 0, 0), VALUE.slice(0, 0, 0))
            .nonpadKvSeqlen(lengths())
            .backend(backend)
            .forward();
    assertThat(noBatch.y().shape()).containsExactly(0, HEADS, ROWS, 6);
  }

  @Test
  void onlyWhatIsAskedForIsReturned() {
    OnnxAttention.Result bare = call("reference").forward();
    assertThat(bare.presentKey()).isNull();
    assertThat(bare.presentValue()).isNull();
    assertThat(bare.qkMatmulOutput()).isNull();
    assertThat(call("reference").qkMatmulOutputMode(0).forward().qkMatmulOutput()).isNotNull();
    assertThat(
            call("reference")
                .qkMatmulOutputMode(0)
                .returnQkMatmulOutput(false)
                .forward()
                .qkMatmulOutput())
        .isNull();
    Tensor scores =
        present(call("reference").returnQkMatmulOutput(true).forward().qkMatmulOutput());
    assertThat(scores.shape()).containsExactly(BATCH, HEADS, ROWS, KEYS);
    Tensor mask = normal(5, ROWS, KEYS);
    OnnxAttention masked = call("reference").attnMask(mask);
    assertThat(masked.backward(masked.forward(), DOUT).dAttnMask()).isNull();
    masked.attnMaskGradient(true);
    Tensor dmask = present(masked.backward(masked.forward(), DOUT).dAttnMask());
    assertThat(dmask.shape()).containsExactly(ROWS, KEYS);
  }

  /** A softmax in another dtype is never worse than asked for; and the plan is there to look at. */
  @Test
  void theSoftmaxIsNeverNarrow() {
    OnnxAttention.Result result = call("reference").softmaxPrecision(10).forward();
    assertSame("Y", result.y(), call("reference").forward().y());
    assertThat(result.core().plan().backend()).isEqualTo("reference");
    assertSame("out", result.core().result().out(), result.y());
  }

  @Test
  void nothingIsCopiedThatStridesCanSay() {
    CoreCall plain = OnnxAttention.of(QUERY, KEY, VALUE).forward().core();
    assertThat(plain.inputs().query()).isSameAs(QUERY);
    assertThat(plain.inputs().key()).isSameAs(KEY);
    assertThat(plain.inputs().value()).isSameAs(VALUE);
    Tensor query = packed(QUERY);
    CoreCall packed =
        OnnxAttention.of(query, packed(KEY), packed(VALUE))
            .qNumHeads(HEADS)
            .kvNumHeads(2)
            .forward()
            .core();
    assertThat(packed.inputs().query().segment()).isSameAs(query.segment());
  }
}
