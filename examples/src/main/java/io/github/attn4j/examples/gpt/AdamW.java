package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;
import java.util.List;

/** Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019). */
final class AdamW {
  private static final float BETA_1 = 0.9f;
  private static final float BETA_2 = 0.98f;
  private static final float EPSILON = 1e-8f;
  private static final float DECAY = 0.1f;

  private final List<Parameter> parameters;
  private final float[][] means;
  private final float[][] squares;
  private final Workers workers;
  private int steps;

  AdamW(List<Parameter> parameters, Workers workers) {
    this.parameters = parameters;
    this.workers = workers;
    this.means = new float[parameters.size()][];
    this.squares = new float[parameters.size()][];
    for (int p = 0; p < means.length; p++) {
      means[p] = new float[parameters.get(p).value.length];
      squares[p] = new float[parameters.get(p).value.length];
    }
  }

  /**
   * Changes the parameters.
   *
   * @param rate of learning
   * @param factor of the gradients, for clipping
   */
  void step(double rate, double factor) {
    steps++;
    double correction1 = 1 - Math.pow(BETA_1, steps);
    double correction2 = 1 - Math.pow(BETA_2, steps);
    Update update =
        new Update(
            (float) factor,
            (float) (rate / correction1),
            (float) Math.sqrt(1 / correction2),
            (float) (rate * DECAY));
    workers.forEach(means.length, p -> update.apply(parameters.get(p), means[p], squares[p]));
  }

  private record Update(float factor, float rate, float rootCorrection, float decay) {
    void apply(Parameter parameter, float[] mean, float[] square) {
      float keep = parameter.decays() ? 1 - decay : 1;
      float[] value = parameter.value;
      for (int i = 0; i < value.length; i++) {
        float g = parameter.gradient[i] * factor;
        mean[i] = BETA_1 * mean[i] + (1 - BETA_1) * g;
        square[i] = BETA_2 * square[i] + (1 - BETA_2) * g * g;
        float size = (float) Math.sqrt(square[i]) * rootCorrection + EPSILON;
        value[i] = value[i] * keep - rate * mean[i] / size;
      }
      parameter.changed();
    }
  }
}
