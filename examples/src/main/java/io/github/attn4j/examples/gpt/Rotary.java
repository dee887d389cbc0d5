package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;

/**
 * Rotary positions: turns pairs of columns of query and key by angles in proportion to the token's
 * position, so that scores depend on distances. Column {@code i} is paired with {@code i + dim /
 * 2}.
 */
final class Rotary {
  private static final double BASE = 10_000;

  private final int heads;
  private final int half;
  private final float[] cos;
  private final float[] sin;
  private final Workers workers;

  /** For positions below a limit. */
  Rotary(GptConfig config, int positions, Workers workers) {
    this.heads = config.heads();
    this.half = config.headDim() / 2;
    this.cos = new float[positions * half];
    this.sin = new float[positions * half];
    this.workers = workers;
    for (int p = 0; p < positions; p++) {
      for (int i = 0; i < half; i++) {
        double angle = p * Math.pow(BASE, -(double) i / half);
        cos[p * half + i] = (float) Math.cos(angle);
        sin[p * half + i] = (float) Math.sin(angle);
      }
    }
  }

  /** Turns query and key of qkv (rows, 3, heads, dim), in place. */
  void turn(float[] qkv, int[] positions, int rows) {
    turn(qkv, positions, rows, 1);
  }

  /** Turns back; also the backward of {@link #turn}. */
  void turnBack(float[] qkv, int[] positions, int rows) {
    turn(qkv, positions, rows, -1);
  }

  private void turn(float[] qkv, int[] positions, int rows, int sign) {
    Rows.forEach(
        workers,
        rows,
        (from, to) -> {
          for (int row = from; row < to; row++) {
            for (int head = 0; head < 2 * heads; head++) {
              turn(qkv, (row * 3 * heads + head) * 2 * half, positions[row] * half, sign);
            }
          }
        });
  }

  private void turn(float[] x, int at, int angle, int sign) {
    for (int i = 0; i < half; i++) {
      float first = x[at + i];
      float second = x[at + half + i];
      float s = sign * sin[angle + i];
      x[at + i] = first * cos[angle + i] - second * s;
      x[at + half + i] = second * cos[angle + i] + first * s;
    }
  }
}
