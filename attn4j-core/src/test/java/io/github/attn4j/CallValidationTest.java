package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** Each tensor that does not fit its plan is refused by name, with the shapes of all. */
final class CallValidationTest {
  private final Tensor query = Tensor.zeros(DType.FLOAT32, 2, 4, 5, 8);
  private final Tensor key = Tensor.zeros(DType.FLOAT32, 2, 2, 7, 8);
  private final Tensor value = Tensor.zeros(DType.FLOAT32, 2, 2, 7, 3);
  private final AttentionPlan plan =
      Attention.plan(
          AttentionSpec.like(Layout.BNSD, query, key, value).backend("reference").build());
  private final AttentionInputs good = AttentionInputs.of(query, key, value);

  private void refused(AttentionInputs inputs, String... parts) {
    assertThatThrownBy(() -> plan.forward(inputs))
        .isInstanceOf(RefusedException.class)
        .hasMessageContainingAll(parts);
  }

  @Test
  void inputsMustHaveThePlansShape() {
    refused(
        AttentionInputs.of(query.slice(2, 0, 4), key, value),
        "query: expected shape [2, 4, 5, 8], got FLOAT32[2, 4, 4, 8]",
        "key FLOAT32[2, 2, 7, 8]",
        "value FLOAT32[2, 2, 7, 3]");
    refused(AttentionInputs.of(query, key.select(0, 0), value), "key: expected shape");
    refused(AttentionInputs.of(query, key, value.slice(1, 0, 1)), "value: expected shape");
  }

  @Test
  void inputsMustHaveThePlansDtype() {
    refused(
        AttentionInputs.of(query, key.to(DType.FLOAT16), value),
        "key: expected dtype FLOAT32, got FLOAT16[2, 2, 7, 8]");
    refused(AttentionInputs.of(query.to(DType.BFLOAT16), key, value), "query: expected dtype");
    refused(AttentionInputs.of(query, key, value.to(DType.INT32)), "value: expected dtype");
  }

  @Test
  void biasesMustBroadcast() {
    for (long[] shape :
        new long[][] {{2, 4, 5, 7}, {1, 1, 1, 1}, {2, 1, 5, 1}, {1, 4, 1, 7}, {1, 1, 5, 7}}) {
      assertThatCode(() -> plan.forward(good.withBias(Tensor.zeros(DType.FLOAT32, shape))))
          .doesNotThrowAnyException();
    }
    refused(
        good.withBias(Tensor.zeros(DType.FLOAT32, 2, 2, 5, 7)),
        "bias: expected (sequences, heads, rows, keys) = [2, 4, 5, 7], each or 1");
    assertThatThrownBy(() -> good.withBias(Tensor.zeros(DType.FLOAT32, 5, 7)))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("bias: expected (sequences, heads, rows, keys)");
    assertThatThrownBy(() -> good.withBias(Tensor.zeros(DType.INT32, 1, 1, 5, 7)))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("bias: expected a floating dtype");
  }

  @Test
  void sinksMustBeOnePerHead() {
    refused(
        good.withSink(Tensor.zeros(DType.FLOAT32, 2)),
        "sink: expected one logit per query head, [4]");
    refused(good.withSink(Tensor.zeros(DType.INT64, 4)), "sink: expected a floating dtype");
  }

  @Test
  void resultsMustFit() {
    AttentionResult result = plan.forward(good);
    assertThat(result.out().shape()).containsExactly(2, 4, 5, 3);
    assertThat(result.lse().shape()).containsExactly(2, 4, 5);
    assertThat(result.maxLogit()).isNull();
    Tensor small = result.out().slice(2, 0, 4);
    assertThatThrownBy(
            () -> plan.forward(good, new AttentionResult(small, result.lse(), null, Layout.BNSD)))
        .hasMessageContaining("out: expected shape [2, 4, 5, 3], got FLOAT32[2, 4, 4, 3]");
    Tensor half = result.out().to(DType.FLOAT16);
    assertThatThrownBy(
            () -> plan.forward(good, new AttentionResult(half, result.lse(), null, Layout.BNSD)))
        .hasMessageContaining("out: expected dtype FLOAT32");
    Tensor flat = result.lse().reshape(8, 5);
    assertThatThrownBy(
            () -> plan.forward(good, new AttentionResult(result.out(), flat, null, Layout.BNSD)))
        .hasMessageContaining("lse: expected shape [2, 4, 5]");
    AttentionResult wrongMax =
        new AttentionResult(
            result.out(), result.lse(), Tensor.zeros(DType.FLOAT32, 3), Layout.BNSD);
    assertThatThrownBy(() -> plan.forward(good, wrongMax))
        .hasMessageContaining("maxLogit: expected shape [4]");
  }

  @Test
  void gradientsOfTheOutputMustFit() {
    AttentionResult result = plan.forward(good);
    assertThatThrownBy(() -> plan.backward(good, result, query))
        .hasMessageContaining("dout: expected shape [2, 4, 5, 3], got FLOAT32[2, 4, 5, 8]");
    assertThatThrownBy(() -> plan.backward(good, result, result.out().to(DType.BFLOAT16)))
        .hasMessageContaining("dout: expected dtype FLOAT32");
  }

  /** The gradient of a bias costs memory like the bias: it is left out on request. */
  @Test
  void biasGradientsCanBeLeftOut() {
    AttentionInputs inputs = good.withBias(Tensor.zeros(DType.FLOAT32, 1, 1, 5, 1));
    AttentionResult result = plan.forward(inputs);
    Tensor bias = plan.backward(inputs, result, result.out()).bias();
    assertThat(bias).isNotNull().hasToString("FLOAT32[1, 1, 5, 1]");
    assertThat(plan.backward(inputs, result, result.out(), false).bias()).isNull();
    assertThat(plan.backward(good, result, result.out()).bias()).isNull();
    assertThat(plan.backward(good, result, result.out()).sink()).isNull();
  }
}
