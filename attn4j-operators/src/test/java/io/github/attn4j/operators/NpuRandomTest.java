package io.github.attn4j.operators;

import static io.github.attn4j.operators.NpuTolerance.check;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random calls over the whole product of the operator's options, forward and backward, against the
 * oracle.
 */
@NullMarked
class NpuRandomTest {
  /** Where the cases of a run start. */
  private static final long FIRST = 20261121;

  static Stream<String> backends() {
    return Tensors.backends();
  }

  @ParameterizedTest
  @MethodSource("backends")
  void everyCombinationMatchesTheOracle(String backend) {
    RandomCalls.run(seed -> {
      NpuCase c = NpuCase.random(FIRST + seed);
      try {
        matches(backend, c);
      } catch (AssertionError | RuntimeException failure) {
        throw new AssertionError(backend + ", " + c + ": " + failure.getMessage(), failure);
      }
    });
  }

  private static void matches(String backend, NpuCase c) {
    NpuFusionAttention call = c.call(backend);
    NpuFusionAttention.Result result = call.forward();
    Tensor bits = bits(c, result);
    NpuOracle exact = new NpuOracle(c, bits, false);
    NpuOracle plain = new NpuOracle(c, bits, true);
    assertThat(result.attentionOut().shape()).isEqualTo(c.dout.shape());
    check("attention_out", result.attentionOut(), exact.out, plain.out, c.dtype);
    check("softmax_max", result.softmaxMax(), exact.max, plain.max, DType.FLOAT32);
    check("softmax_sum", result.softmaxSum(), exact.sum, plain.sum, DType.FLOAT32);
    assertThat(result.numels()).isEqualTo(c.numels());
    NpuFusionAttention.Gradients gradients = call.backward(result, c.dout);
    check("dquery", gradients.dquery(), exact.dquery, plain.dquery, c.dtype);
    check("dkey", gradients.dkey(), exact.dkey, plain.dkey, c.dtype);
    check("dvalue", gradients.dvalue(), exact.dvalue, plain.dvalue, c.dtype);
    if (c.pse == null) {
      assertThat(gradients.dpse()).isNull();
    } else {
      Tensor dpse = Objects.requireNonNull(gradients.dpse());
      assertThat(dpse.shape()).isEqualTo(c.pse.shape());
      check("dpse", dpse, exact.dpse, plain.dpse, c.pse.dtype());
    }
    if (c.sink == null) {
      assertThat(gradients.dsink()).isNull();
    } else {
      Tensor dsink = Objects.requireNonNull(gradients.dsink());
      check("dsink", dsink, exact.dsink, plain.dsink, DType.FLOAT32);
    }
  }

  private static @Nullable Tensor bits(NpuCase c, NpuFusionAttention.Result result) {
    if (c.keepProb == 1) {
      return null;
    }
    return c.dropoutMask == null ? result.dropoutMask() : c.dropoutMask;
  }

  /** A run of random calls says nothing about options that it never draws. */
  @Test
  void theGeneratorDrawsEveryOption() {
    Set<String> drawn = new TreeSet<>();
    for (int n = 0; n < 300; n++) {
      NpuCase c = NpuCase.random(FIRST + n);
      drawn.add(c.layout);
      drawn.add("mode " + (c.mask == null ? "none" : c.sparseMode) + (c.ragged() ? " TND" : ""));
      drawn.add("pse " + c.pseForm + " " + c.pseType + (c.ragged() ? " TND" : ""));
      drawn.add("sink " + (c.sink != null));
      drawn.add("dropout " + (c.keepProb < 1) + ", own bits " + (c.dropoutMask != null));
    }
    assertThat(drawn)
        .contains("BSH", "SBH", "BSND", "BNSD", "TND")
        .contains("mode none", "mode none TND", "sink false", "sink true")
        .contains("mode 0", "mode 1", "mode 2", "mode 3", "mode 4", "mode 5", "mode 6")
        .contains("mode 0 TND", "mode 1 TND", "mode 2 TND", "mode 3 TND", "mode 4 TND")
        .contains("mode 6 TND", "mode 7 TND", "mode 8 TND")
        .contains("pse NONE 1", "pse DENSE 0", "pse DENSE 1", "pse SLOPES 2", "pse SLOPES 3")
        .contains("pse PACKED 0 TND", "pse PACKED 1 TND", "pse PACKED_PER_KEY 0 TND")
        .contains("pse PACKED_PER_KEY 1 TND", "pse LAST_ROWS 0 TND", "pse LAST_ROWS 1 TND")
        .contains("pse SLOPES 2 TND", "pse SLOPES 3 TND")
        .contains("dropout false, own bits false")
        .contains("dropout true, own bits false", "dropout true, own bits true");
  }

  /** The oracle's own gradients are those of its output, by central differences. */
  @Test
  void theOraclesGradientsAreThoseOfItsOutput() {
    int checked = 0;
    for (int n = 0; checked < 40; n++) {
      NpuCase c = NpuCase.random(FIRST + n);
      boolean large = c.pse != null && c.pse.elements() > 500;
      if (large || c.query.elements() + c.key.elements() > 300) {
        continue;
      }
      checked++;
      NpuOracle oracle = new NpuOracle(c, bits(c, c.call("reference").forward()), false);
      differences(c, oracle, "dquery", oracle.query, oracle.dquery);
      differences(c, oracle, "dkey", oracle.key, oracle.dkey);
      differences(c, oracle, "dvalue", oracle.value, oracle.dvalue);
      if (oracle.pse != null) {
        differences(c, oracle, "dpse", oracle.pse, oracle.dpse);
      }
      if (oracle.sink != null) {
        differences(c, oracle, "dsink", oracle.sink, oracle.dsink);
      }
    }
  }

  private static void differences(
      NpuCase c, NpuOracle oracle, String what, double[] input, NpuOracle.Values gradient) {
    double[] expected = gradient.numbers().clone();
    double step = 1e-5;
    for (int at = 0; at < input.length; at++) {
      double kept = input[at];
      input[at] = kept + step;
      double above = loss(oracle);
      input[at] = kept - step;
      double slope = (above - loss(oracle)) / (2 * step);
      input[at] = kept;
      assertThat(Math.abs(slope - expected[at]) <= 1e-6 * (1 + Math.abs(slope)))
          .as("%s, %s[%d]: %s by differences, %s", c, what, at, slope, expected[at])
          .isTrue();
    }
    oracle.run();
  }

  private static double loss(NpuOracle oracle) {
    oracle.run();
    double loss = 0;
    for (int at = 0; at < oracle.dout.length; at++) {
      loss += oracle.dout[at] * oracle.out.numbers()[at];
    }
    return loss;
  }
}
