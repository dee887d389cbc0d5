package io.github.attn4j.cli.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The yardstick itself is held against the core's reference. */
class ScalarAttentionTest {
  private static Tensor random(Random random, DType dtype, long... shape) {
    Tensor tensor = Tensor.zeros(DType.FLOAT32, shape);
    Tensor flat = tensor.reshape(tensor.elements());
    for (long n = 0; n < flat.elements(); n++) {
      flat.set(random.nextGaussian(), n);
    }
    return tensor.to(dtype);
  }

  private record Case(
      AttentionPlan plan,
      AttentionInputs inputs,
      AttentionResult result,
      Tensor dout,
      Map<Quantity, Tensor> tensors) {}

  private static Case run(DType dtype, double dropout) {
    Random random = new Random(5);
    AttentionPlan plan =
        Attention.plan(
            AttentionSpec.builder()
                .layout(Layout.BSND)
                .padded(2, 9, 12)
                .heads(4, 2)
                .dims(8, 6)
                .dtype(dtype)
                .mask(Mask.causal().and(Mask.window(5, 3)))
                .backend("reference")
                .build());
    AttentionInputs inputs =
        AttentionInputs.of(
                random(random, dtype, 2, 9, 4, 8),
                random(random, dtype, 2, 12, 2, 8),
                random(random, dtype, 2, 12, 2, 6))
            .withDropout(dropout == 0 ? null : Dropout.of(dropout, 3, 4));
    AttentionResult result = plan.forward(inputs);
    Tensor dout = random(random, dtype, 2, 9, 4, 6);
    AttentionGradients gradients = plan.backward(inputs, result, dout);
    Map<Quantity, Tensor> tensors = new EnumMap<>(Quantity.class);
    tensors.put(Quantity.OUT, result.out());
    tensors.put(Quantity.LSE, result.lse());
    tensors.put(Quantity.DQUERY, gradients.query());
    tensors.put(Quantity.DKEY, gradients.key());
    tensors.put(Quantity.DVALUE, gradients.value());
    return new Case(plan, inputs, result, dout, tensors);
  }

  private static <T> T get(Map<Quantity, T> map, Quantity quantity) {
    return Objects.requireNonNull(map.get(quantity));
  }

  private static Map<Quantity, double[]> values(Case of, Arithmetic arithmetic, Sample sample) {
    Map<Quantity, double[]> values = new EnumMap<>(Quantity.class);
    new ScalarAttention(of.plan(), of.inputs(), of.dout(), arithmetic)
        .values(sample, of.tensors().keySet())
        .forEach((quantity, sampled) -> values.put(quantity, sampled.values()));
    return values;
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.3})
  void exactAgreesWithTheReferenceWithinTheRoundingOfItsResults(double dropout) {
    Case one = run(DType.FLOAT32, dropout);
    Sample sample = Sample.spread(one.plan().spec(), 7, 1);
    Map<Quantity, double[]> exact = values(one, Arithmetic.exact(), sample);
    for (Quantity quantity : one.tensors().keySet()) {
      double[] got =
          ScalarAttention.read(quantity, get(one.tensors(), quantity), one.plan().spec(), sample);
      assertThat(got).as("%s", quantity).hasSameSizeAs(get(exact, quantity));
      assertThat(Tolerance.error(got, get(exact, quantity))).as("%s", quantity).isLessThan(2e-6);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void plainErrsAsItsPrecisionDoes(String name) {
    DType dtype = DType.valueOf(name);
    double unit = dtype == DType.FLOAT32 ? 0x1p-24 : dtype == DType.FLOAT16 ? 0x1p-11 : 0x1p-8;
    Case one = run(dtype, 0);
    Sample sample = new Sample(new int[] {0, 3, 8}, new int[] {0, 5, 11});
    Map<Quantity, double[]> exact = values(one, Arithmetic.exact(), sample);
    Map<Quantity, double[]> plain = values(one, Arithmetic.plain(dtype), sample);
    for (Quantity quantity : one.tensors().keySet()) {
      assertThat(Tolerance.error(get(plain, quantity), get(exact, quantity)))
          .as("%s", quantity)
          .isBetween(quantity == Quantity.LSE ? 0 : unit / 16, 64 * unit);
    }
  }

  @Test
  void theTermsOfPlainBoundTheValuesTheyMakeUp() {
    Case one = run(DType.FLOAT32, 0.3);
    Sample sample = new Sample(new int[] {0, 3, 8}, new int[] {0, 5, 11});
    var plain =
        new ScalarAttention(one.plan(), one.inputs(), one.dout(), Arithmetic.plain(DType.FLOAT32))
            .values(sample, one.tensors().keySet());
    for (Quantity quantity : one.tensors().keySet()) {
      ScalarAttention.Values values = get(plain, quantity);
      double[] zeros = new double[values.values().length];
      double largest = Tolerance.error(values.values(), zeros);
      assertThat(values.terms()).as("%s", quantity).isBetween(largest, 1000 * largest);
    }
  }

  @Test
  void keysOfFewerHeadsAreThoseOfTheFirst() {
    Case one = run(DType.FLOAT32, 0);
    Sample all = new Sample(new int[] {1}, new int[] {0, 5, 11});
    Map<Quantity, double[]> some = values(one, Arithmetic.exact(), all.withKeyGroups(0, 3));
    Map<Quantity, double[]> full = values(one, Arithmetic.exact(), all);
    assertThat(get(some, Quantity.DKEY))
        .containsExactly(Arrays.copyOf(get(full, Quantity.DKEY), 3 * 3 * 8));
    assertThat(
            ScalarAttention.read(
                Quantity.DVALUE,
                get(one.tensors(), Quantity.DVALUE),
                one.plan().spec(),
                all.withKeyGroups(0, 3)))
        .hasSameSizeAs(get(some, Quantity.DVALUE));
    assertThat(get(some, Quantity.OUT)).containsExactly(get(full, Quantity.OUT));
  }

  @Test
  void aSampleHasFirstAndLast() {
    AttentionSpec spec = run(DType.FLOAT32, 0).plan().spec();
    Sample sample = Sample.spread(spec, 4, 9);
    assertThat(sample.rows()).hasSize(4).isSorted().contains(0, 8);
    assertThat(sample.keys()).hasSize(4).isSorted().contains(0, 11);
    assertThat(Sample.spread(spec, 100, 9).rows()).hasSize(9);
    assertThat(Sample.within(spec, 1e9).keys()).hasSize(12);
  }
}
