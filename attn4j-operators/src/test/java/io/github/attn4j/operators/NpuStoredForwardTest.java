package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.assertClose;
import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Objects;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Gradients from what a forward left behind: output, maxima and sums, and the random state. */
@NullMarked
class NpuStoredForwardTest {
  private static final double ROUNDING = 2e-5;

  private static void assertSameGradients(NpuFusionAttention call) {
    NpuFusionAttention.Result result = call.forward();
    Tensor dout = normal(9, result.attentionOut().shape());
    NpuFusionAttention.Gradients expected = call.backward(result, dout);
    NpuFusionAttention.Gradients got =
        call.seed(result.seed())
            .offset(result.offset())
            .grad(dout, result.attentionOut(), result.softmaxMax(), result.softmaxSum());
    assertClose("dquery", got.dquery(), Oracle.doubles(expected.dquery()), ROUNDING);
    assertClose("dkey", got.dkey(), Oracle.doubles(expected.dkey()), ROUNDING);
    assertClose("dvalue", got.dvalue(), Oracle.doubles(expected.dvalue()), ROUNDING);
    Tensor dpse = Objects.requireNonNull(expected.dpse());
    assertClose("dpse", Objects.requireNonNull(got.dpse()), Oracle.doubles(dpse), ROUNDING);
    Tensor dsink = Objects.requireNonNull(expected.dsink());
    assertClose("dsink", Objects.requireNonNull(got.dsink()), Oracle.doubles(dsink), ROUNDING);
  }

  /** Rows 0 to 2 see nothing but the sink. */
  private static NpuFusionAttention padded() {
    Tensor hidden = Tensor.zeros(DType.BOOL, 9, 7);
    hidden.slice(0, 0, 3).segment().asSlice(0, 21).fill((byte) 1);
    return NpuFusionAttention.of(
            normal(1, 2, 4, 9, 8), normal(2, 2, 2, 7, 8), normal(3, 2, 2, 7, 5), 4, "BNSD")
        .scale(0.4)
        .sparseMode(1)
        .attenMask(hidden)
        .pse(normal(4, 1, 4, 9, 7))
        .keepProb(0.7)
        .sink(normal(5, 4));
  }

  @Test
  void ofPaddedSequences() {
    assertSameGradients(padded());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "TND"})
  void ofRaggedSequencesInBothOrders(String softmaxLayout) {
    assertSameGradients(
        NpuFusionAttention.of(normal(1, 11, 4, 8), normal(2, 9, 2, 8), normal(3, 9, 2, 5), 4, "TND")
            .scale(0.4)
            .actualSeqQlen(4, 10)
            .actualSeqKvlen(3, 9)
            .softmaxLayout(softmaxLayout)
            .pse(normal(4, 4 * (4 * 3 + 6 * 6)))
            .keepProb(0.7)
            .sink(normal(5, 4)));
  }

  /** What cannot be known without the forward, or is not what it returned. */
  @Test
  void refusals() {
    NpuFusionAttention call = padded();
    NpuFusionAttention.Result result = call.forward();
    Tensor out = result.attentionOut();
    Tensor max = result.softmaxMax();
    Tensor sum = result.softmaxSum();
    refused(
        () -> padded().grad(out, out, max, sum), "seed: expected seed and offset of the forward");
    call.seed(result.seed()).offset(result.offset());
    refused(
        () -> call.grad(out, out, max.select(3, 0), sum),
        "softmax_max: expected [2, 4, 9, 8], got FLOAT32[2, 4, 9]");
    refused(
        () -> call.grad(out, out, max, sum.to(DType.FLOAT16)),
        "softmax_sum: expected float32, got FLOAT16[2, 4, 9, 8]");
    refused(() -> call.grad(out, out.select(0, 0), max, sum), "attention_in: expected shape");
    refused(() -> call.grad(out.select(0, 0), out, max, sum), "dout: expected shape");
  }

  private static void refused(Runnable call, String message) {
    assertThatThrownBy(call::run)
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith(message);
  }
}
