package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.assertClose;
import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@NullMarked
class FlashmaskDropoutTest {
  static Stream<String> backends() {
    return Tensors.backends();
  }

  /** With the unit matrix as value the output is the matrix of probabilities. */
  private static Inputs probabilities(int seqlen) {
    Tensor value = Tensor.zeros(DType.FLOAT32, 1, seqlen, 2, seqlen);
    for (int j = 0; j < seqlen; j++) {
      value.set(1, 0, j, 0, j);
      value.set(1, 0, j, 1, j);
    }
    return new Inputs(normal(1, 1, seqlen, 2, 8), normal(2, 1, seqlen, 2, 8), value);
  }

  private static Tensor pair(long seed, long offset) {
    return Tensor.of(new long[] {seed, offset}, 2);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void dropoutDropsProbabilitiesAndScalesWhatStays(String backend) {
    Inputs inputs = probabilities(96);
    double[] whole = Oracle.doubles(inputs.call(backend).forward().out());
    FlashmaskAttention call =
        inputs.call(backend).dropout(0.3).fixedSeedOffset(pair(5, 64)).returnSeedOffset(true);
    FlashmaskAttention.Result result = call.forward();
    double[] dropped = Oracle.doubles(result.out());
    int kept = 0;
    for (int n = 0; n < whole.length; n++) {
      if (dropped[n] != 0) {
        kept++;
        assertThat(dropped[n]).isCloseTo(whole[n] / 0.7, within(1e-6));
      }
    }
    double share = kept / (double) whole.length;
    // Five standard deviations of 18432 draws.
    assertThat(share).isCloseTo(0.7, within(5 * Math.sqrt(0.3 * 0.7 / whole.length)));
    double[] lse =
        Oracle.doubles(Objects.requireNonNull(inputs.call(backend).forward().softmaxLse()));
    assertClose(
        "softmax_lse is that before dropout",
        Objects.requireNonNull(result.softmaxLse()),
        lse,
        1e-6);
    assertThat(Objects.requireNonNull(result.seedOffset()).dtype()).isEqualTo(DType.INT64);
    assertThat(Tensors.ints(Objects.requireNonNull(result.seedOffset()))).containsExactly(5, 64);

    assertClose("repeats", call.forward().out(), dropped, 0);
    assertThat(Oracle.doubles(call.fixedSeedOffset(pair(5, 128)).forward().out()))
        .isNotEqualTo(dropped);
    assertThat(Oracle.doubles(call.fixedSeedOffset(pair(6, 64)).forward().out()))
        .isNotEqualTo(dropped);
    assertClose("not training", call.training(false).forward().out(), whole, 0);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void backwardsDropsWhatTheForwardDropped(String backend) {
    Inputs inputs = Inputs.of(19, 19);
    FlashmaskAttention call = inputs.call(backend).dropout(0.4).rngName("backwards").causal(true);
    FlashmaskAttention.Result first = call.returnSeedOffset(true).forward();
    Tensor dout = normal(9, first.out().shape());
    // A later forward of the same call draws other numbers; the result remembers its own.
    assertThat(call.forward().out().toFloatArray()).isNotEqualTo(first.out().toFloatArray());
    FlashmaskAttention.Gradients gradients = call.backward(first, dout);
    FlashmaskAttention replay = call.fixedSeedOffset(first.seedOffset()).backend("reference");
    FlashmaskAttention.Gradients expected = replay.backward(replay.forward(), dout);
    assertClose("dquery", gradients.dquery(), Oracle.doubles(expected.dquery()), 1e-4);
    assertClose("dkey", gradients.dkey(), Oracle.doubles(expected.dkey()), 1e-4);
    assertClose("dvalue", gradients.dvalue(), Oracle.doubles(expected.dvalue()), 1e-4);
  }

  @Test
  void eachCallMovesItsGeneratorOn() {
    FlashmaskAttention call =
        Inputs.of(3, 3).call("reference").dropout(0.5).returnSeedOffset(true).rngName("moving");
    RandomGenerators.seed("moving", 1234567890123456789L);
    long step = 2 * 4 * 32;
    float[] first = call.forward().out().toFloatArray();
    assertThat(seedOffset(call)).containsExactly(1234567890123456789L, step);
    assertThat(seedOffset(call)).containsExactly(1234567890123456789L, 2 * step);
    // A fixed pair leaves the generator alone, another name is another generator.
    assertThat(seedOffset(call.fixedSeedOffset(pair(-1, Long.MIN_VALUE))))
        .containsExactly(-1, Long.MIN_VALUE);
    RandomGenerators.seed("", 7);
    assertThat(seedOffset(call.fixedSeedOffset(null).rngName(""))).containsExactly(7, 0);
    assertThat(seedOffset(call.rngName("moving"))).containsExactly(1234567890123456789L, 3 * step);
    RandomGenerators.seed("moving", 1234567890123456789L);
    assertThat(call.forward().out().toFloatArray()).containsExactly(first);
    assertThat(seedOffset(call.rngName("one nobody seeded"))[1]).isZero();
  }

  private static long[] seedOffset(FlashmaskAttention call) {
    Tensor pair = Objects.requireNonNull(call.forward().seedOffset());
    return pair.segment().toArray(java.lang.foreign.ValueLayout.JAVA_LONG);
  }
}
