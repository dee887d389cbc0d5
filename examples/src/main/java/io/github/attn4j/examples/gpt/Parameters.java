package io.github.attn4j.examples.gpt;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** All that is trained, in the order it was made. */
final class Parameters {
  private final List<Parameter> all = new ArrayList<>();
  private final RandomGenerator random;

  Parameters(long seed) {
    random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
  }

  /** Adds a matrix of normally distributed numbers. */
  Parameter matrix(String name, int rows, int columns, double deviation) {
    Parameter made = Parameter.matrix(name, rows, columns, deviation, random);
    all.add(made);
    return made;
  }

  /** Adds a vector of equal numbers. */
  Parameter vector(String name, int columns, float fill) {
    Parameter made = Parameter.vector(name, columns, fill);
    all.add(made);
    return made;
  }

  List<Parameter> all() {
    return Collections.unmodifiableList(all);
  }

  /** How many numbers. */
  int count() {
    return all.stream().mapToInt(parameter -> parameter.value.length).sum();
  }

  /** Sets all gradients to zero. */
  void clearGradients() {
    all.forEach(parameter -> Arrays.fill(parameter.gradient, 0));
  }

  /** The length of all gradients as one vector. */
  double gradientNorm() {
    double squares = 0;
    for (Parameter parameter : all) {
      for (float g : parameter.gradient) {
        squares += (double) g * g;
      }
    }
    return Math.sqrt(squares);
  }
}
