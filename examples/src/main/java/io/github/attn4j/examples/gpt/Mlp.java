package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;
import jdk.incubator.vector.FloatVector;

/** Feed-forward: four times the width, GELU, and back. */
final class Mlp implements Branch {
  static final int EXPANSION = 4;

  /** GELU in its usual form: {@code x sigmoid(2 u)} with {@code u = A (x + B x³)}. */
  private static final float TWO_A = (float) (2 * Math.sqrt(2 / Math.PI));

  private static final float B = 0.044715f;

  private final Linear up;
  private final Linear down;
  private final int hiddenWidth;
  private final float[] hidden;
  private final float[] active;
  private final Scratch scratch;
  private final Workers workers;

  Mlp(GptConfig config, Linear up, Linear down, int capacity, Scratch scratch, Workers workers) {
    this.up = up;
    this.down = down;
    this.hiddenWidth = EXPANSION * config.width();
    this.hidden = new float[capacity * hiddenWidth];
    this.active = new float[capacity * hiddenWidth];
    this.scratch = scratch;
    this.workers = workers;
  }

  @Override
  public void forward(float[] x, Pass<?> pass, float[] y) {
    up.forward(x, pass.rows(), hidden);
    Rows.forEach(
        workers,
        pass.rows(),
        (from, to) -> {
          for (int i = from * hiddenWidth; i < to * hiddenWidth; i += Lanes.LENGTH) {
            FloatVector h = Lanes.load(hidden, i);
            h.mul(gate(h)).intoArray(active, i);
          }
        });
    down.forward(active, pass.rows(), y);
  }

  @Override
  public void backward(float[] x, float[] dy, Pass<PackedAttention> pass, float[] dx) {
    float[] dhidden = scratch.hidden;
    down.backward(active, dy, pass.rows(), dhidden);
    Rows.forEach(
        workers,
        pass.rows(),
        (from, to) -> {
          for (int i = from * hiddenWidth; i < to * hiddenWidth; i += Lanes.LENGTH) {
            FloatVector h = Lanes.load(hidden, i);
            slope(h).mul(Lanes.load(dhidden, i)).intoArray(dhidden, i);
          }
        });
    up.backward(x, dhidden, pass.rows(), dx);
  }

  private static FloatVector gate(FloatVector h) {
    return Lanes.sigmoid(h.mul(h).mul(B).add(1).mul(h).mul(TWO_A));
  }

  /** The derivative: {@code s + h s (1 - s) (2 u)'}. */
  private static FloatVector slope(FloatVector h) {
    FloatVector s = gate(h);
    FloatVector inner = h.mul(h).mul(3 * B).add(1).mul(TWO_A);
    return s.add(h.mul(s).mul(s.neg().add(1)).mul(inner));
  }
}
