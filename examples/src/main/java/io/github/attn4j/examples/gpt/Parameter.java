package io.github.attn4j.examples.gpt;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/** A tensor that is trained, and its gradient, row-major. */
final class Parameter {
  final String name;
  final int rows;
  final int columns;
  final float[] value;
  final float[] gradient;
  private int version;

  private Parameter(String name, int rows, int columns) {
    this.name = name;
    this.rows = rows;
    this.columns = columns;
    this.value = new float[rows * columns];
    this.gradient = new float[rows * columns];
  }

  /** A matrix of normally distributed numbers. */
  static Parameter matrix(
      String name, int rows, int columns, double deviation, RandomGenerator random) {
    Parameter made = new Parameter(name, rows, columns);
    for (int i = 0; i < made.value.length; i++) {
      made.value[i] = (float) random.nextGaussian(0, deviation);
    }
    return made;
  }

  /** A vector of equal numbers. */
  static Parameter vector(String name, int columns, float fill) {
    Parameter made = new Parameter(name, 1, columns);
    Arrays.fill(made.value, fill);
    return made;
  }

  /** Weight decay is for what multiplies; gains and offsets are left alone. */
  boolean decays() {
    return rows > 1;
  }

  /** To be called after a change of value. */
  void changed() {
    version++;
  }

  /** Counts the changes. */
  int version() {
    return version;
  }
}
