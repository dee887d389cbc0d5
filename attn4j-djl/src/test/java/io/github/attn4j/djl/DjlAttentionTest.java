package io.github.attn4j.djl;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.attn4j.Alignment;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Bias;
import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.Sequences;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The same numbers as DJL's own operators and DJL's own autograd. */
@OnTorch
class DjlAttentionTest {
  private NDManager manager;

  @BeforeEach
  void open() {
    manager = NDManager.newBaseManager("PyTorch");
  }

  @AfterEach
  void close() {
    manager.close();
  }

  static Stream<DjlCase> cases() {
    return Stream.of(
        new DjlCase("full", Mask.full()),
        new DjlCase("causal", Mask.causal()),
        new DjlCase("grouped heads", Mask.causal()).heads(4, 2),
        new DjlCase("more keys than rows", Mask.causal()).lengths(33, 70),
        // The first rows see nothing.
        new DjlCase("fewer keys than rows", Mask.causal()).lengths(70, 33),
        new DjlCase("one row", Mask.full()).lengths(1, 130),
        new DjlCase("columns of their own", Mask.full()).valueDim(48),
        new DjlCase("window", Mask.window(9, 4)),
        // The rows behind the last document see nothing.
        new DjlCase("causal documents", Mask.documents(20, 33, 9).and(Mask.causal())),
        new DjlCase("prefix", Mask.prefix(17, 40)),
        new DjlCase("bias", Mask.causal()).bias(DjlCase.BATCH, 2, 70, 70),
        new DjlCase("bias for a row", Mask.full()).bias(1, 2, 1, 70),
        new DjlCase("sink and scale", Mask.causal()).sink().scale(0.3),
        new DjlCase("dropout", Mask.causal()).dropout(0.25),
        new DjlCase("transposes", Mask.causal()).heads(4, 2).transposed(),
        new DjlCase("float16", Mask.causal()).type(DataType.FLOAT16),
        new DjlCase("float16 transposes", Mask.window(20, 0)).type(DataType.FLOAT16).transposed());
  }

  @ParameterizedTest
  @MethodSource("cases")
  void agreesWithTheFormulaInDjlsOwnOperators(DjlCase c) {
    DjlAttention attention = DjlAttention.of(c.spec());
    Formula.Arrays arrays = c.arrays(manager);
    NDArray dout = c.dout(manager);
    DjlInputs inputs =
        DjlInputs.of(arrays.query(), arrays.key(), arrays.value())
            .withBias(arrays.bias())
            .withSink(arrays.sink())
            .withDropout(c.options());
    DjlResult result = attention.forward(inputs);
    DjlGradients gradients = attention.backward(inputs, result, dout);

    NDArray keep = c.keep(manager, attention.plan());
    Formula formula = c.formula(DataType.FLOAT64, keep);
    Formula.Outcome exact = formula.run(arrays, dout);
    Terms terms = new Terms(formula, arrays.to(DataType.FLOAT64), dout);
    Formula.Outcome plain = c.formula(c.type, keep).run(arrays, dout);

    Agreement.check("out", result.out(), exact.out(), plain.out(), terms.out, c.dtype());
    Agreement.check("lse", result.lse(), exact.lse(), plain.lse(), terms.lse, DType.FLOAT32);
    NDList got =
        new Formula.Arrays(
                gradients.query(),
                gradients.key(),
                gradients.value(),
                gradients.bias(),
                gradients.sink())
            .list();
    assertThat(got).hasSameSizeAs(arrays.list());
    for (int n = 0; n < got.size(); n++) {
      DType dtype = n < 3 ? c.dtype() : DType.FLOAT32;
      Agreement.check(
          "gradient " + n,
          got.get(n),
          exact.gradients().get(n),
          plain.gradients().get(n),
          terms.gradients.get(n),
          dtype);
    }
  }

  @Test
  void oneLineGivesWhatAPlanGives() {
    DjlCase c = new DjlCase("grouped", Mask.causal()).heads(4, 2);
    Formula.Arrays a = c.arrays(manager);
    NDArray dout = c.dout(manager);
    DjlResult line = DjlAttention.forward(a.query(), a.key(), a.value(), Mask.causal());
    DjlInputs inputs = DjlInputs.of(a.query(), a.key(), a.value());
    DjlResult planned = DjlAttention.of(c.spec()).forward(inputs);
    assertThat(line.out()).isEqualTo(planned.out());
    assertThat(line.lse()).isEqualTo(planned.lse());
    DjlGradients lines =
        DjlAttention.backward(a.query(), a.key(), a.value(), Mask.causal(), line, dout);
    DjlGradients plans = DjlAttention.of(c.spec()).backward(inputs, planned, dout);
    assertThat(lines.query()).isEqualTo(plans.query());
    assertThat(lines.key()).isEqualTo(plans.key());
    assertThat(lines.value()).isEqualTo(plans.value());
  }

  @Test
  void aMaskOfAnArrayIsTheMaskItSpells() {
    DjlCase c = new DjlCase("window", Mask.window(9, 4));
    Formula.Arrays a = c.arrays(manager);
    NDArray visible =
        Formula.visible(manager, new Shape(1, 1, c.rows, c.keys), c.mask)
            .toType(DataType.BOOLEAN, false);
    Mask mask = DjlAttention.mask(visible);
    Mask bytes = DjlAttention.mask(visible.toType(DataType.UINT8, false));
    // The mask has its own copy.
    visible.close();
    NDArray expected = DjlAttention.forward(a.query(), a.key(), a.value(), c.mask).out();
    assertThat(DjlAttention.forward(a.query(), a.key(), a.value(), mask).out()).isEqualTo(expected);
    assertThat(DjlAttention.forward(a.query(), a.key(), a.value(), bytes).out())
        .isEqualTo(expected);
  }

  /** Every layout is a permutation of one, in what goes in and in what comes out. */
  @ParameterizedTest
  @MethodSource("layouts")
  void layoutsAreThoseOfThePlan(Layout layout, UnaryOperator<NDArray> permutation) {
    DjlCase c = new DjlCase("layout", Mask.causal());
    Formula.Arrays a = c.arrays(manager);
    NDArray dout = c.dout(manager);
    DjlInputs inputs = DjlInputs.of(a.query(), a.key(), a.value());
    DjlAttention first = DjlAttention.of(c.spec());
    DjlResult expected = first.forward(inputs);
    DjlGradients gradients = first.backward(inputs, expected, dout);

    AttentionSpec.Builder spec =
        AttentionSpec.builder()
            .layout(layout)
            .heads(c.heads, c.kvHeads)
            .dims(DjlCase.DIM, DjlCase.DIM)
            .mask(c.mask)
            .threads(1);
    long[] ends = {0, c.rows, 2L * c.rows};
    DjlAttention other =
        DjlAttention.of(
            layout == Layout.TND
                ? spec.sequences(Sequences.ragged(ends, ends)).build()
                : spec.padded(DjlCase.BATCH, c.rows, c.keys).build());
    DjlInputs permuted =
        DjlInputs.of(
            permutation.apply(a.query()), permutation.apply(a.key()), permutation.apply(a.value()));
    DjlResult result = other.forward(permuted);
    assertThat(result.out()).isEqualTo(permutation.apply(expected.out()));
    DjlGradients permutedGradients = other.backward(permuted, result, permutation.apply(dout));
    assertThat(permutedGradients.query()).isEqualTo(permutation.apply(gradients.query()));
    assertThat(permutedGradients.key()).isEqualTo(permutation.apply(gradients.key()));
    assertThat(permutedGradients.value()).isEqualTo(permutation.apply(gradients.value()));
  }

  static Stream<Arguments> layouts() {
    long tokens = DjlCase.BATCH * 70L;
    long columns = 2L * DjlCase.DIM;
    UnaryOperator<NDArray> rowsFirst = array -> array.transpose(0, 2, 1, 3);
    UnaryOperator<NDArray> merged =
        array -> rowsFirst.apply(array).reshape(DjlCase.BATCH, 70, columns);
    UnaryOperator<NDArray> batchSecond =
        array -> array.transpose(2, 0, 1, 3).reshape(70, DjlCase.BATCH, columns);
    UnaryOperator<NDArray> packed = array -> rowsFirst.apply(array).reshape(tokens, 2, DjlCase.DIM);
    return Stream.of(
        Arguments.of(Layout.BSND, rowsFirst),
        Arguments.of(Layout.BSH, merged),
        Arguments.of(Layout.SBH, batchSecond),
        Arguments.of(Layout.TND, packed));
  }

  @Test
  void whatTheSpecAsksForComesBack() {
    DjlCase c = new DjlCase("stats", Mask.causal());
    Formula.Arrays a = c.arrays(manager);
    DjlInputs inputs = DjlInputs.of(a.query(), a.key(), a.value());
    DjlAttention attention =
        DjlAttention.of(
            AttentionSpec.builder()
                .padded(DjlCase.BATCH, c.rows, c.keys)
                .heads(c.heads, c.kvHeads)
                .dims(DjlCase.DIM, DjlCase.DIM)
                .mask(c.mask)
                .maxLogit(true)
                .softmaxStats(true)
                .build());
    DjlResult result = attention.forward(inputs);
    NDArray max = result.rowMax();
    NDArray sum = result.rowSum();
    NDArray maxLogit = result.maxLogit();
    assertThat(max).isNotNull();
    assertThat(sum).isNotNull();
    assertThat(maxLogit).isNotNull();
    assertThat(max.max(new int[] {2}).max(new int[] {0})).isEqualTo(maxLogit);
    NDArray lse = max.add(sum.log());
    // Two roundings of numbers below eight.
    assertThat(lse.sub(result.lse()).abs().max().getFloat()).isLessThan(2 * Math.ulp(8f));
    // A backward reads them.
    DjlGradients gradients = attention.backward(inputs, result, c.dout(manager));
    assertThat(gradients.query().getShape()).isEqualTo(a.query().getShape());
  }

  @Test
  void slopesAreABiasWithAGradientOfTheirOwn() {
    DjlCase c = new DjlCase("alibi", Mask.causal());
    Formula.Arrays a = c.arrays(manager);
    NDArray slopes = manager.create(new float[] {0.5f, 0.125f});
    float[] distances = new float[c.rows * c.keys];
    for (int at = 0; at < distances.length; at++) {
      distances[at] = -Math.abs(at / c.keys - at % c.keys);
    }
    NDArray dense =
        manager.create(distances, new Shape(1, 1, c.rows, c.keys)).mul(slopes.reshape(1, 2, 1, 1));
    DjlAttention attention = DjlAttention.of(c.spec());
    DjlInputs plain = DjlInputs.of(a.query(), a.key(), a.value());
    DjlInputs alibi = plain.withBias(slopes, s -> Bias.alibi(s, Alignment.BOTTOM_RIGHT));
    DjlResult result = attention.forward(alibi);
    DjlResult same = attention.forward(plain.withBias(dense));
    // Products of a power of two: nothing is rounded.
    assertThat(result.out()).isEqualTo(same.out());
    DjlGradients gradients = attention.backward(alibi, result, c.dout(manager));
    assertThat(gradients.bias()).isNotNull();
    assertThat(gradients.bias().getShape()).isEqualTo(slopes.getShape());
    assertThat(attention.backward(alibi, result, c.dout(manager), false).bias()).isNull();
  }
}
