package io.github.attn4j.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who owns what, and what is left behind: nothing. */
@OnTorch
class DjlMemoryTest {
  private final DjlCase c = new DjlCase("causal", Mask.causal()).transposed();
  private final DjlAttention attention = DjlAttention.of(c.spec());
  private NDManager manager;
  private DjlInputs inputs;
  private NDArray dout;

  @BeforeEach
  void open() {
    manager = NDManager.newBaseManager("PyTorch");
    Formula.Arrays arrays = c.arrays(manager);
    inputs = DjlInputs.of(arrays.query(), arrays.key(), arrays.value());
    dout = c.dout(manager);
  }

  @AfterEach
  void close() {
    manager.close();
  }

  @Test
  void aCallLeavesItsResultsAndNothingElse() {
    int before = manager.getManagedArrays().size();
    DjlResult result = attention.forward(inputs);
    assertThat(manager.getManagedArrays()).hasSize(before + 2);
    DjlGradients gradients = attention.backward(inputs, result, dout);
    assertThat(manager.getManagedArrays()).hasSize(before + 5);
    gradients.close();
    result.close();
    assertThat(manager.getManagedArrays()).hasSize(before);
  }

  @Test
  void resultsLiveAndDieWithTheirManager() {
    DjlResult result;
    NDArray query = inputs.query();
    try (NDManager own = manager.newSubManager()) {
      result = attention.forward(inputs.withManager(own));
      assertThat(result.out().getManager()).isEqualTo(own);
      DjlGradients gradients = attention.backward(inputs.withManager(own), result, dout);
      assertThat(gradients.value().getManager()).isEqualTo(own);
    }
    assertThat(result.out().isReleased()).isTrue();
    assertThat(query.isReleased()).isFalse();
    assertThat(query.getManager()).isEqualTo(manager);
  }

  /** The memory is the engine's, so a view outlives the array, as of any operator's result. */
  @Test
  void viewsOfAResultOutliveIt() {
    NDArray view;
    float[] expected;
    try (DjlResult result = attention.forward(inputs)) {
      expected = result.out().toFloatArray();
      view = result.out().reshape(new Shape(-1));
    }
    // What had been released would be used anew.
    System.gc();
    for (int n = 0; n < 50; n++) {
      assertThat(manager.ones(view.getShape()).getFloat(0)).isEqualTo(1);
    }
    assertThat(view.toFloatArray()).containsExactly(expected);
  }

  @Test
  void aRefusedCallLeavesNothing() {
    NDArray three = manager.ones(new Shape(2, 3, 70, DjlCase.DIM));
    NDArray integers =
        manager.zeros(new Shape(1)).toType(ai.djl.ndarray.types.DataType.INT32, false);
    int before = manager.getManagedArrays().size();
    assertThatThrownBy(() -> attention.forward(DjlInputs.of(inputs.query(), three, inputs.value())))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("key: ");
    assertThatThrownBy(() -> attention.forward(inputs.withSink(integers)))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("sink: ");
    assertThat(manager.getManagedArrays()).hasSize(before);
  }

  @Test
  void inputsThatLearnAreReadAndNotTouched() {
    inputs.query().setRequiresGradient(true);
    DjlResult result = attention.forward(inputs);
    assertThat(result.out().hasGradient()).isFalse();
    assertThat(inputs.query().hasGradient()).isTrue();
    inputs.query().setRequiresGradient(false);
    assertThat(attention.forward(inputs).out()).isEqualTo(result.out());
  }

  @Test
  void onePlanServesManyThreadsOnTheSameArrays() throws Exception {
    DjlResult expected = attention.forward(inputs);
    DjlGradients gradients = attention.backward(inputs, expected, dout);
    int before = manager.getManagedArrays().size();
    try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
      List<Future<?>> calls = new ArrayList<>();
      for (int n = 0; n < 24; n++) {
        calls.add(pool.submit(() -> callAndCompare(expected, gradients)));
      }
      for (Future<?> call : calls) {
        call.get();
      }
    }
    assertThat(manager.getManagedArrays()).hasSize(before);
  }

  private void callAndCompare(DjlResult expected, DjlGradients expectedGradients) {
    try (NDManager own = manager.newSubManager()) {
      DjlInputs mine = inputs.withManager(own);
      DjlResult result = attention.forward(mine);
      DjlGradients gradients = attention.backward(mine, result, dout);
      assertThat(result.out().toFloatArray()).containsExactly(expected.out().toFloatArray());
      assertThat(gradients.key().toFloatArray())
          .containsExactly(expectedGradients.key().toFloatArray());
    }
  }
}
