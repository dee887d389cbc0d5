package io.github.attn4j.cli.check;

import java.util.stream.IntStream;

/**
 * The rows of one head as numbers.
 *
 * @param data row after row
 * @param columns numbers per row
 * @param norms length of each row as a vector
 */
record Lines(double[] data, int columns, double[] norms) {
  static Lines of(double[] data, int rows, int columns) {
    double[] norms =
        IntStream.range(0, rows).mapToDouble(row -> norm(data, row, columns)).toArray();
    return new Lines(data, columns, norms);
  }

  private static double norm(double[] data, int row, int columns) {
    double sum = 0;
    for (int at = row * columns; at < (row + 1) * columns; at++) {
      sum += data[at] * data[at];
    }
    return Math.sqrt(sum);
  }

  double at(int row, int column) {
    return data[row * columns + column];
  }

  /** Adds the magnitudes of a multiple of a row. */
  void addMagnitudes(double[] sum, double factor, int row) {
    for (int c = 0; c < columns; c++) {
      sum[c] += Math.abs(factor * at(row, c));
    }
  }
}
