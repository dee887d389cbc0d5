package io.github.attn4j.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Mask;
import io.github.attn4j.testkit.Tolerance;
import java.util.Random;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Parameters before and behind attention learn what DJL's own autograd would have them learn. */
@OnTorch
class AttentionTapeTest {
  private static final int BATCH = 2;
  private static final int ROWS = 24;
  private static final int HEADS = 2;
  private static final int DIM = 16;
  private static final int WIDTH = HEADS * DIM;
  private static final int LAYERS = 2;

  private NDManager manager;

  @BeforeEach
  void open() {
    manager = NDManager.newBaseManager("PyTorch");
  }

  @AfterEach
  void close() {
    manager.close();
  }

  /**
   * Parameters of a small network in one type: an embedding, and for each layer four projections.
   */
  private NDList parameters(DataType type) {
    Random random = new Random(5);
    NDList list = new NDList();
    for (int n = 0; n <= 4 * LAYERS; n++) {
      float[] numbers = new float[WIDTH * WIDTH];
      for (int at = 0; at < numbers.length; at++) {
        numbers[at] = (float) (random.nextGaussian() / Math.sqrt(WIDTH));
      }
      NDArray weights = manager.create(numbers, new Shape(WIDTH, WIDTH)).toType(type, true);
      weights.setRequiresGradient(true);
      list.add(weights);
    }
    return list;
  }

  private NDArray data(DataType type) {
    Random random = new Random(6);
    float[] numbers = new float[BATCH * ROWS * WIDTH];
    for (int at = 0; at < numbers.length; at++) {
      numbers[at] = (float) random.nextGaussian();
    }
    return manager.create(numbers, new Shape(BATCH, ROWS, WIDTH)).toType(type, true);
  }

  private static NDArray heads(NDArray x, NDArray weights) {
    return x.matMul(weights).reshape(BATCH, ROWS, HEADS, DIM).transpose(0, 2, 1, 3);
  }

  /** Residual layers: attention goes around each of them, as in a transformer. */
  private static NDArray loss(
      NDArray data,
      NDList weights,
      BiFunction<NDArray, Integer, NDArray> entry,
      BiFunction<Formula.Arrays, Integer, NDArray> attention) {
    NDArray x = data.matMul(weights.get(0));
    for (int layer = 0; layer < LAYERS; layer++) {
      x = entry.apply(x, layer);
      NDArray query = heads(x, weights.get(4 * layer + 1));
      NDArray key = heads(x, weights.get(4 * layer + 2));
      NDArray value = heads(x, weights.get(4 * layer + 3));
      NDArray out = attention.apply(new Formula.Arrays(query, key, value, null, null), layer);
      NDArray merged = out.transpose(0, 2, 1, 3).reshape(BATCH, ROWS, WIDTH);
      x = x.add(merged.matMul(weights.get(4 * layer + 4)).tanh());
    }
    return x.mul(x).sum();
  }

  private NDList byAutograd(DataType type) {
    NDList weights = parameters(type);
    Formula formula = new Formula(type, Mask.causal(), 1 / Math.sqrt(DIM), null);
    try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
      collector.backward(
          loss(data(type), weights, (x, layer) -> x, (arrays, layer) -> formula.out(arrays)));
    }
    return gradients(weights);
  }

  private static NDList gradients(NDList weights) {
    NDList gradients = new NDList();
    weights.forEach(array -> gradients.add(array.getGradient()));
    return gradients;
  }

  private static DjlAttention causal() {
    return DjlAttention.of(
        AttentionSpec.builder()
            .padded(BATCH, ROWS, ROWS)
            .heads(HEADS, HEADS)
            .dims(DIM, DIM)
            .mask(Mask.causal())
            .threads(1)
            .build());
  }

  private static DjlInputs inputs(Formula.Arrays arrays) {
    return DjlInputs.of(arrays.query(), arrays.key(), arrays.value());
  }

  @Test
  void residualLayersLearnWhatAutogradHasThemLearn() {
    NDList weights = parameters(DataType.FLOAT32);
    DjlAttention attention = causal();
    try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
      AttentionTape tape = new AttentionTape();
      NDArray loss =
          loss(
              data(DataType.FLOAT32),
              weights,
              (x, layer) -> tape.cut(x),
              (arrays, layer) -> tape.forward(attention, inputs(arrays)));
      tape.backward(collector, loss);
    }
    NDList exact = byAutograd(DataType.FLOAT64);
    NDList plain = byAutograd(DataType.FLOAT32);
    for (int n = 0; n < weights.size(); n++) {
      double error = largest(plain.get(n).toType(DataType.FLOAT64, true).sub(exact.get(n)));
      double size = largest(exact.get(n));
      // Every gradient here is a sum over the rows, of terms as large as the sum at least.
      double noise = Math.sqrt(BATCH * ROWS) * Math.ulp((float) size);
      Tolerance.check(
          "weights " + n,
          new long[] {WIDTH, WIDTH},
          Agreement.numbers(weights.get(n).getGradient()),
          Agreement.numbers(exact.get(n)),
          2 * error + noise);
    }
  }

  private static double largest(NDArray array) {
    return array.abs().max().getDouble();
  }

  @Test
  void biasAndSinkLearnToo() {
    NDArray query = data(DataType.FLOAT32).reshape(BATCH, HEADS, ROWS, DIM);
    NDArray bias = manager.zeros(new Shape(1, HEADS, ROWS, ROWS));
    NDArray sink = manager.zeros(new Shape(HEADS));
    bias.setRequiresGradient(true);
    sink.setRequiresGradient(true);
    DjlInputs inputs = DjlInputs.of(query, query, query).withBias(bias).withSink(sink);
    DjlAttention attention = causal();
    try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
      AttentionTape tape = new AttentionTape();
      tape.backward(collector, tape.forward(attention, inputs).sum());
    }
    DjlResult result = attention.forward(inputs);
    DjlGradients expected = attention.backward(inputs, result, result.out().onesLike());
    assertThat(bias.getGradient()).isEqualTo(expected.bias());
    assertThat(sink.getGradient()).isEqualTo(expected.sink());
  }

  @Test
  void withoutCutsDjlSaysThatAGraphIsWalkedTwice() {
    NDList weights = parameters(DataType.FLOAT32);
    DjlAttention attention = causal();
    try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
      AttentionTape tape = new AttentionTape();
      NDArray loss =
          loss(
              data(DataType.FLOAT32),
              weights,
              (x, layer) -> x,
              (arrays, layer) -> tape.forward(attention, inputs(arrays)));
      assertThatThrownBy(() -> tape.backward(collector, loss))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("second time");
    }
  }

  @Test
  void onlyTheOutputIsLeftOfACall() {
    NDArray query = data(DataType.FLOAT32).reshape(BATCH, HEADS, ROWS, DIM);
    query.setRequiresGradient(true);
    DjlAttention attention = causal();
    try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
      AttentionTape tape = new AttentionTape();
      NDArray out = tape.forward(attention, DjlInputs.of(query, query, query));
      NDArray loss = out.sum();
      // DJL's own collector leaves one array behind for each loss: the ones it starts from.
      int before = manager.getManagedArrays().size();
      tape.backward(collector, loss);
      int lse = 1;
      int ones = 1;
      assertThat(manager.getManagedArrays()).hasSize(before - lse + ones);
    }
  }
}
