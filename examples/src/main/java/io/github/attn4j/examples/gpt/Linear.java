package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Gemm;
import io.github.attn4j.examples.math.PackedMatrix;
import io.github.attn4j.examples.math.Workers;
import org.jspecify.annotations.Nullable;

/** {@code y = x Wᵀ}, W (out, in). */
final class Linear {
  private final Parameter weight;
  private final Workers workers;
  private @Nullable PackedMatrix packed;
  private int packedVersion;

  Linear(Parameter weight, Workers workers) {
    this.weight = weight;
    this.workers = workers;
  }

  /** x (rows, in) to y (rows, out). */
  void forward(float[] x, int rows, float[] y) {
    Gemm.multiply(false, rows, x, packed(), y, false, workers);
  }

  /** While the weights rest, one packing serves every step of a decode. */
  private PackedMatrix packed() {
    PackedMatrix matrix = packed;
    if (matrix == null || packedVersion != weight.version()) {
      matrix = PackedMatrix.of(true, weight.columns, weight.rows, weight.value, workers);
      packed = matrix;
      packedVersion = weight.version();
    }
    return matrix;
  }

  /** Writes dx (rows, in) from dy (rows, out), and adds to the gradient of W. */
  void backward(float[] x, float[] dy, int rows, float[] dx) {
    int out = weight.rows;
    int in = weight.columns;
    Gemm.multiply(false, false, rows, in, out, dy, weight.value, dx, false, workers);
    Gemm.multiply(true, false, out, in, rows, dy, x, weight.gradient, true, workers);
  }
}
