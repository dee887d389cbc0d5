package io.github.attn4j.cli.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Cases;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * The yardstick against the core's reference, and the backends against the yardstick, over calls
 * with everything the core offers.
 */
class ScalarAttentionRandomTest {
  private static final long FIRST = Long.getLong(Cases.SEED, 1);
  private static final int COUNT = Integer.getInteger(Cases.COUNT, 200);

  private static final List<DType> DTYPES = List.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16);

  private static Sample all() {
    int[] lines = IntStream.range(0, 9).toArray();
    return new Sample(lines, lines);
  }

  private static ScalarAttention scalar(RandomCall call, Arithmetic arithmetic) {
    return new ScalarAttention(call.plan, call.inputs, call.dout, arithmetic);
  }

  @Test
  void exactAgreesWithTheReferenceWithinTheRoundingOfItsResults() {
    for (long seed = FIRST; seed < FIRST + COUNT; seed++) {
      RandomCall call = new RandomCall(seed, DType.FLOAT32, "reference");
      Map<Quantity, Tensor> results = call.results();
      Map<Quantity, ScalarAttention.Values> exact =
          scalar(call, Arithmetic.exact()).values(all(), results.keySet());
      assertThat(exact.keySet()).isEqualTo(results.keySet());
      for (Map.Entry<Quantity, Tensor> entry : results.entrySet()) {
        double[] got =
            ScalarAttention.read(entry.getKey(), entry.getValue(), call.plan.spec(), all());
        double[] truth = Objects.requireNonNull(exact.get(entry.getKey())).values();
        assertThat(got).as("seed %d: %s of %s", seed, entry.getKey(), call).hasSameSizeAs(truth);
        assertThat(Tolerance.error(got, truth))
            .as("-Dattn4j.seed=%d: %s of %s", seed, entry.getKey(), call)
            .isLessThanOrEqualTo(4 * Tolerance.noise(truth, DType.FLOAT32));
      }
    }
  }

  @Test
  void theBackendKeepsTheRule() {
    Set<Quantity> seen = EnumSet.noneOf(Quantity.class);
    for (long seed = FIRST; seed < FIRST + COUNT; seed++) {
      DType dtype = DTYPES.get((int) (seed % 3));
      RandomCall call = new RandomCall(seed, dtype, "cpu");
      Map<Quantity, Tensor> results = call.results();
      Map<Quantity, ScalarAttention.Values> exact =
          scalar(call, Arithmetic.exact()).values(all(), results.keySet());
      Map<Quantity, ScalarAttention.Values> plain =
          scalar(call, Arithmetic.plain(dtype)).values(all(), results.keySet());
      for (Map.Entry<Quantity, Tensor> entry : results.entrySet()) {
        Quantity quantity = entry.getKey();
        double[] truth = Objects.requireNonNull(exact.get(quantity)).values();
        ScalarAttention.Values yardstick = Objects.requireNonNull(plain.get(quantity));
        double bound =
            Tolerance.bound(yardstick.values(), yardstick.terms(), truth, entry.getValue().dtype());
        double[] got = ScalarAttention.read(quantity, entry.getValue(), call.plan.spec(), all());
        Tolerance tolerance = Tolerance.of(got, truth, bound);
        assertThat(tolerance.holds())
            .as("-Dattn4j.seed=%d: %s, %s of %s", seed, tolerance, quantity, call)
            .isTrue();
        seen.add(quantity);
      }
    }
    if (COUNT >= 100) {
      assertThat(seen).containsExactlyInAnyOrder(Quantity.values());
    }
  }
}
