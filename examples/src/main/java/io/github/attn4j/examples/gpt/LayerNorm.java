package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;

/** {@code y = gain (x - mean) / deviation + offset}, row by row; keeps what its backward needs. */
final class LayerNorm {
  private static final float EPSILON = 1e-5f;

  private final Parameter gain;
  private final Parameter offset;
  private final int width;
  private final Workers workers;

  /** x without its mean, over its deviation. */
  private final float[] standard;

  private final float[] overDeviation;

  LayerNorm(Parameter gain, Parameter offset, int capacity, Workers workers) {
    this.gain = gain;
    this.offset = offset;
    this.width = gain.columns;
    this.workers = workers;
    this.standard = new float[capacity * width];
    this.overDeviation = new float[capacity];
  }

  /** x (rows, width) to y (rows, width). */
  void forward(float[] x, int rows, float[] y) {
    Rows.forEach(
        workers,
        rows,
        (from, to) -> {
          for (int row = from; row < to; row++) {
            forwardRow(x, row, y);
          }
        });
  }

  private void forwardRow(float[] x, int row, float[] y) {
    int at = row * width;
    float mean = Lanes.sum(x, at, width) / width;
    for (int c = 0; c < width; c++) {
      standard[at + c] = x[at + c] - mean;
    }
    float variance = Lanes.dot(standard, at, standard, at, width) / width;
    float factor = (float) (1 / Math.sqrt(variance + EPSILON));
    overDeviation[row] = factor;
    for (int c = 0; c < width; c++) {
      standard[at + c] *= factor;
      y[at + c] = gain.value[c] * standard[at + c] + offset.value[c];
    }
  }

  /** Adds to dx (rows, width) and to the parameters' gradients; overwrites dy (rows, width). */
  void backward(float[] dy, int rows, float[] dx) {
    float[] gains = new float[Rows.chunks(rows) * width];
    float[] offsets = new float[Rows.chunks(rows) * width];
    Rows.forEach(
        workers,
        rows,
        (from, to) -> {
          int partial = from / Rows.CHUNK * width;
          for (int row = from; row < to; row++) {
            sumParameters(dy, row * width, gains, offsets, partial);
            backwardRow(dy, row, dx);
          }
        });
    // In the order of the chunks, whichever was done first.
    for (int chunk = 0; chunk < Rows.chunks(rows); chunk++) {
      for (int c = 0; c < width; c++) {
        gain.gradient[c] += gains[chunk * width + c];
        offset.gradient[c] += offsets[chunk * width + c];
      }
    }
  }

  private void sumParameters(float[] dy, int at, float[] gains, float[] offsets, int partial) {
    for (int c = 0; c < width; c++) {
      gains[partial + c] += dy[at + c] * standard[at + c];
      offsets[partial + c] += dy[at + c];
    }
  }

  private void backwardRow(float[] dy, int row, float[] dx) {
    int at = row * width;
    for (int c = 0; c < width; c++) {
      dy[at + c] *= gain.value[c];
    }
    float mean = Lanes.sum(dy, at, width) / width;
    float along = Lanes.dot(dy, at, standard, at, width) / width;
    float factor = overDeviation[row];
    for (int c = 0; c < width; c++) {
      dx[at + c] += factor * (dy[at + c] - mean - along * standard[at + c]);
    }
  }
}
