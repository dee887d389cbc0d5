package io.github.attn4j.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.attn4j.Dropout;
import io.github.attn4j.examples.math.Workers;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * The backward of the whole model against differences of its forward, with packed documents and
 * with both dropouts on.
 */
class GradientTest {
  private static final GptConfig CONFIG = new GptConfig(16, 2, 2, 16, 0.2);

  /** Long enough to stand out from the rounding of a float32 forward. */
  private static final double STEP = 0.03;

  private final Workers workers = new Workers(2);
  private final Gpt model = new Gpt(CONFIG, 64, 7, workers);
  private final Batch batch =
      Packer.inOrder(
              List.of(bytes("a cat"), bytes("on"), bytes("a mat and a document of pieces")),
              CONFIG.context(),
              64)
          .getFirst();
  private final Random random = new Random(3);

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  GradientTest() {
    // Far from where training starts: there gains are 1, offsets 0 and branches next to nothing.
    for (Parameter parameter : model.parameters().all()) {
      for (int i = 0; i < parameter.value.length; i++) {
        parameter.value[i] += (float) random.nextGaussian(0, 0.25);
      }
      parameter.changed();
    }
    Loss.withGradients(model, batch, attention(), noise(), workers);
  }

  @AfterEach
  void end() {
    workers.close();
  }

  private static ResidualDropout noise() {
    return new ResidualDropout(CONFIG.dropout(), 11, 5);
  }

  private PackedAttention attention() {
    return new PackedAttention(
        CONFIG, batch.lengths(), Dropout.of(CONFIG.dropout(), 11, 5), workers.threads());
  }

  private double loss() {
    return Loss.of(model, batch, attention(), noise(), workers);
  }

  /** Three documents in the row, the last in two pieces. */
  @Test
  void packsDocuments() {
    assertThat(batch.lengths()).containsExactly(6, 3, 16, 15);
  }

  /** Random directions see every entry of a tensor. */
  @Test
  void everyTensorAlongDirections() {
    for (Parameter parameter : model.parameters().all()) {
      double length = length(parameter.gradient);
      assertThat(length).as(parameter.name).isPositive();
      check(parameter, parameter.gradient);
      for (int n = 0; n < 3; n++) {
        float[] direction = new float[parameter.value.length];
        for (int i = 0; i < direction.length; i++) {
          // Half along the gradient, so that the difference stands out from the rounding.
          direction[i] =
              (float)
                  (parameter.gradient[i] / length
                      + random.nextGaussian() / Math.sqrt(direction.length));
        }
        check(parameter, direction);
      }
    }
  }

  @Test
  void singleEntries() {
    for (Parameter parameter : model.parameters().all()) {
      float[] direction = new float[parameter.value.length];
      int largest = 0;
      for (int i = 0; i < direction.length; i++) {
        if (Math.abs(parameter.gradient[i]) > Math.abs(parameter.gradient[largest])) {
          largest = i;
        }
      }
      for (int entry : new int[] {largest, random.nextInt(direction.length)}) {
        Arrays.fill(direction, 0);
        direction[entry] = 1;
        check(parameter, direction);
      }
    }
  }

  /**
   * The derivative along a direction, by Richardson's extrapolation of two central differences.
   * What it leaves out is of the fourth order in the step. The loss is a mean of float32 losses
   * near 4 and is taken to be right to a unit in their last place; the extrapolation divides that
   * by two thirds of the step.
   */
  private void check(Parameter parameter, float[] direction) {
    double size = length(direction);
    double expected = 0;
    for (int i = 0; i < direction.length; i++) {
      expected += parameter.gradient[i] * direction[i] / size;
    }
    double fine = slope(parameter, direction, STEP / size) / STEP;
    double coarse = slope(parameter, direction, 2 * STEP / size) / (2 * STEP);
    double noise = Math.ulp(4f) / STEP * 1.5;
    assertThat((4 * fine - coarse) / 3)
        .as("%s, gradient of length %g", parameter.name, length(parameter.gradient))
        .isCloseTo(expected, within(1e-4 * length(parameter.gradient) + noise));
  }

  private double slope(Parameter parameter, float[] direction, double factor) {
    return (shifted(parameter, direction, factor) - shifted(parameter, direction, -factor)) / 2;
  }

  private double shifted(Parameter parameter, float[] direction, double factor) {
    float[] before = parameter.value.clone();
    for (int i = 0; i < before.length; i++) {
      parameter.value[i] += (float) (factor * direction[i]);
    }
    parameter.changed();
    double loss = loss();
    System.arraycopy(before, 0, parameter.value, 0, before.length);
    parameter.changed();
    return loss;
  }

  private static double length(float[] vector) {
    double squares = 0;
    for (float v : vector) {
      squares += (double) v * v;
    }
    return Math.sqrt(squares);
  }
}
