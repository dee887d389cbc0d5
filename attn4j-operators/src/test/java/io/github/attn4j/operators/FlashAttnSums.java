package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Tolerance;
import java.util.Arrays;
import java.util.function.Function;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/** A whole result, gathered from its heads, and the tolerance it is compared under. */
@NullMarked
final class FlashAttnSums {
  private final long[] shape;
  private final double[] exact;
  private final double[] plain;
  private final double[] terms;

  FlashAttnSums(long... shape) {
    this.shape = shape.clone();
    int elements = (int) Arrays.stream(shape).reduce(1, Math::multiplyExact);
    exact = new double[elements];
    plain = new double[elements];
    terms = new double[elements];
  }

  /** Where an element of a head's matrix belongs; null for nowhere. */
  interface Place {
    long @Nullable [] of(int row, int column);
  }

  /** Adds one of a head's results. */
  void addAll(FlashAttnHead head, Function<FlashAttnHead.Pass, double[][]> result, Place place) {
    double[][] values = result.apply(head.exact);
    double[][] plainValues = result.apply(head.plain);
    double[][] sizes = result.apply(head.terms);
    for (int row = 0; row < values.length; row++) {
      for (int column = 0; column < values[row].length; column++) {
        long[] index = place.of(row, column);
        if (index != null) {
          int at = position(index);
          exact[at] += values[row][column];
          plain[at] = (float) (plain[at] + plainValues[row][column]);
          terms[at] += sizes[row][column];
        }
      }
    }
  }

  private int position(long[] index) {
    int at = 0;
    for (int d = 0; d < shape.length; d++) {
      at = (int) (at * shape[d] + index[d]);
    }
    return at;
  }

  /** Shape, dtype and every number. */
  void check(String what, Tensor got, DType dtype) {
    if (!got.hasShape(shape) || got.dtype() != dtype) {
      throw new AssertionError(
          "%s: expected %s%s, got %s".formatted(what, dtype, Arrays.toString(shape), got));
    }
    double error = 0;
    double largest = 0;
    for (int at = 0; at < exact.length; at++) {
      double distance = Math.abs(Tolerance.round(plain[at], dtype) - exact[at]);
      error = Double.isFinite(distance) ? Math.max(error, distance) : error;
      largest = Double.isFinite(exact[at]) ? Math.max(largest, Math.abs(exact[at])) : largest;
    }
    double unit = Math.ulp(1f) * Arrays.stream(terms).filter(Double::isFinite).max().orElse(0);
    Tolerance.check(
        what,
        shape,
        Oracle.doubles(got),
        exact,
        2 * error + Tolerance.noise(largest, dtype) + unit);
  }
}
