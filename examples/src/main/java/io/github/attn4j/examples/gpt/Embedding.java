package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;

/** One row per token; the same matrix tells, at the other end, how likely each token is. */
final class Embedding {
  private final Parameter table;
  private final Linear head;
  private final int width;

  Embedding(Parameter table, Workers workers) {
    this.table = table;
    this.head = new Linear(table, workers);
    this.width = table.columns;
  }

  /** Writes x (rows, width). */
  void forward(int[] tokens, int rows, float[] x) {
    for (int row = 0; row < rows; row++) {
      System.arraycopy(table.value, tokens[row] * width, x, row * width, width);
    }
  }

  /** Adds to the table's gradient, row after row: a token may come often. */
  void backward(int[] tokens, int rows, float[] dx) {
    for (int row = 0; row < rows; row++) {
      int to = tokens[row] * width;
      for (int c = 0; c < width; c++) {
        table.gradient[to + c] += dx[row * width + c];
      }
    }
  }

  /** x (rows, width) to logits (rows, vocabulary). */
  void logits(float[] x, int rows, float[] logits) {
    head.forward(x, rows, logits);
  }

  /** Writes dx and adds to the table's gradient. */
  void logitsBackward(float[] x, float[] dlogits, int rows, float[] dx) {
    head.backward(x, dlogits, rows, dx);
  }
}
