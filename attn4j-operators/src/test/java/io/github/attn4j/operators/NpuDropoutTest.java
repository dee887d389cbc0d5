package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.assertClose;
import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@NullMarked
class NpuDropoutTest {
  static Stream<String> backends() {
    return Tensors.backends();
  }

  private static NpuFusionAttention call() {
    return NpuFusionAttention.of(
        normal(1, 2, 3, 7, 4), normal(2, 2, 3, 9, 4), normal(3, 2, 3, 9, 4), 3, "BNSD");
  }

  private static byte[] bytes(Tensor tensor) {
    return tensor.segment().toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  void withoutDropoutThereIsNoRandomState() {
    RandomGenerators.seed("", 77);
    NpuFusionAttention.Result result = call().forward();
    assertThat(result.seed()).isZero();
    assertThat(result.offset()).isZero();
    assertThat(result.numels()).isEqualTo(2 * 3 * 7 * 9);
    // 378 bits, all kept: 3 pieces of 16 bytes.
    byte[] bits = bytes(result.dropoutMask());
    assertThat(bits).hasSize(48);
    for (int bit = 0; bit < 48 * 8; bit++) {
      assertThat((bits[bit / 8] >> (bit % 8) & 1) == 1).as("bit %d", bit).isEqualTo(bit < 378);
    }
    assertThat(call().keepProb(0.5).forward().offset()).as("nothing was drawn before").isZero();
  }

  @Test
  void eachDrawMovesTheDefaultGeneratorByTen() {
    RandomGenerators.seed("", 1234567890123L);
    NpuFusionAttention call = call().keepProb(0.5);
    NpuFusionAttention.Result first = call.forward();
    NpuFusionAttention.Result second = call.forward();
    assertThat(first.seed()).isEqualTo(1234567890123L);
    assertThat(first.offset()).isZero();
    assertThat(second.seed()).isEqualTo(1234567890123L);
    assertThat(second.offset()).isEqualTo(10);
    assertThat(second.attentionOut().toFloatArray())
        .isNotEqualTo(first.attentionOut().toFloatArray());
    NpuFusionAttention.Result again = call.seed(second.seed()).offset(10L).forward();
    assertThat(again.attentionOut().toFloatArray())
        .containsExactly(second.attentionOut().toFloatArray());
    assertThat(call.seed(5L).offset(null).forward().offset()).isZero();
    assertThat(call.seed(null).offset(null).forward().offset()).as("next draw").isEqualTo(20);
  }

  /** With equal scores and the unit matrix as value the output is the bits themselves. */
  @ParameterizedTest
  @MethodSource("backends")
  void bitsStandForTheirScores(String backend) {
    int rows = 40;
    int keys = 48;
    Tensor value = Tensor.zeros(DType.FLOAT32, 2, 2, keys, keys);
    for (int n = 0; n < 4 * keys; n++) {
      value.set(1, n / keys / 2, n / keys % 2, n % keys, n % keys);
    }
    Tensor wide = normal(1, 2, 2, keys, keys);
    NpuFusionAttention call =
        NpuFusionAttention.of(wide.slice(2, 0, rows), wide, value, 2, "BNSD")
            .scale(0)
            .keepProb(0.3)
            .seed(42L)
            .backend(backend);
    NpuFusionAttention.Result result = call.forward();
    byte[] bits = bytes(result.dropoutMask());
    assertThat(bits).hasSize(2 * 2 * rows * keys / 8);
    float[] out = result.attentionOut().toFloatArray();
    int kept = 0;
    for (int score = 0; score < out.length; score++) {
      boolean keeps = (bits[score / 8] >> (score % 8) & 1) == 1;
      kept += keeps ? 1 : 0;
      assertThat((double) out[score]).isCloseTo(keeps ? 1 / 0.3 / keys : 0, within(1e-7));
    }
    // Five standard deviations.
    assertThat(kept / (double) out.length)
        .isCloseTo(0.3, within(5 * Math.sqrt(0.3 * 0.7 / out.length)));
    assertThat(result.softmaxSum().get(1, 1, 3, 0)).as("before dropout").isEqualTo(keys);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void theExportedBitsAreAsGoodAsTheSeed(String backend) {
    NpuFusionAttention seeded = call().keepProb(0.6).seed(9L).offset(30L).backend(backend);
    NpuFusionAttention.Result first = seeded.forward();
    Tensor dout = normal(4, 2, 3, 7, 4);
    NpuFusionAttention.Gradients expected = seeded.backward(first, dout);
    NpuFusionAttention masked =
        call().keepProb(0.6).dropoutMask(first.dropoutMask()).backend(backend);
    NpuFusionAttention.Result second = masked.forward();
    NpuFusionAttention.Gradients gradients = masked.backward(second, dout);
    assertThat(second.seed()).isZero();
    assertThat(second.offset()).isZero();
    assertThat(bytes(second.dropoutMask())).containsExactly(bytes(first.dropoutMask()));
    assertClose("out", second.attentionOut(), Oracle.doubles(first.attentionOut()), 0);
    assertClose("dquery", gradients.dquery(), Oracle.doubles(expected.dquery()), 0);
    assertClose("dkey", gradients.dkey(), Oracle.doubles(expected.dkey()), 0);
    assertClose("dvalue", gradients.dvalue(), Oracle.doubles(expected.dvalue()), 0);
  }

  @Test
  void aMaskWithoutDropoutIsNotRead() {
    Tensor none = Tensor.zeros(DType.INT8, 48);
    Tensor expected = call().forward().attentionOut();
    Tensor out = call().dropoutMask(none).forward().attentionOut();
    assertThat(out.toFloatArray()).containsExactly(expected.toFloatArray());
    assertThat(call().keepProb(0.5).dropoutMask(none).forward().attentionOut().toFloatArray())
        .containsOnly(0);
  }

  /** With zeros at the end two differences would be negative and their product positive. */
  @Test
  void numelsOfVariableLengths() {
    Tensor q = normal(1, 9, 2, 4);
    NpuFusionAttention.Result result =
        NpuFusionAttention.of(q, q, q, 2, "TND")
            .actualSeqQlen(2, 5, 9, 0, 0)
            .actualSeqKvlen(2, 5, 9, 0, 0)
            .forward();
    assertThat(result.numels()).isEqualTo(2 * (4 + 9 + 16));
    assertThat(bytes(result.dropoutMask())).hasSize(16);
  }
}
