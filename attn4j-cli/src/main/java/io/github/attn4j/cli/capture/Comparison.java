package io.github.attn4j.cli.capture;

import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.cli.check.Tolerance;
import io.github.attn4j.operators.CoreCall;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.LongStream;

/** Compares the results of a call with those its file expects, all elements of them. */
final class Comparison {
  private final Results results;
  private final List<CoreCall> cores;
  private final Capture capture;
  private final List<Bounds> bounds = new ArrayList<>();

  Comparison(Results results, List<CoreCall> cores, Capture capture) {
    this.results = results;
    this.cores = cores;
    this.capture = capture;
  }

  /** One result against what was expected. */
  record Finding(String name, boolean holds, String text) {}

  List<Finding> findings() {
    List<Finding> findings = new ArrayList<>();
    for (String name : capture.expected().keySet()) {
      if (!results.all().containsKey(name)) {
        throw RefusedException.value(
            Capture.EXPECTED + name,
            "expected a tensor for one of the results %s".formatted(results.all().keySet()));
      }
    }
    results
        .all()
        .forEach((name, result) -> {
          Tensor expected = capture.expected().get(name);
          if (expected != null) {
            findings.add(compare(name, result, expected));
          }
        });
    return findings;
  }

  private Finding compare(String name, Results.Result result, Tensor expected) {
    Tensor tensor = result.tensor();
    if (!Arrays.equals(tensor.shape(), expected.shape())
        || tensor.dtype().isFloating() != expected.dtype().isFloating()) {
      return new Finding(
          name, false, "%s: expected %s, got %s, DIFFERS".formatted(name, expected, tensor));
    }
    Tolerance tolerance =
        result.parts().stream()
            .map(part -> tolerance(part, tensor, expected))
            .reduce(Comparison::worse)
            .orElseGet(() -> new Tolerance(error(tensor, expected), 0));
    return new Finding(
        name,
        tolerance.holds(),
        String.format(
            Locale.ROOT,
            "%s: error %.2e, bound %.2e, %s",
            name,
            tolerance.error(),
            tolerance.bound(),
            tolerance.holds() ? "ok" : "DIFFERS"));
  }

  private Tolerance tolerance(Results.Part part, Tensor result, Tensor expected) {
    Tensor slice = part.of(result);
    return new Tolerance(error(slice, part.of(expected)), bound(part.quantity(), slice));
  }

  /** The one that says more: what does not hold, else what comes closer to its bound. */
  private static Tolerance worse(Tolerance a, Tolerance b) {
    return !a.holds() || (b.holds() && a.error() * b.bound() >= b.error() * a.bound()) ? a : b;
  }

  private double bound(Quantity quantity, Tensor result) {
    if (!result.dtype().isFloating()) {
      // Quantised on the way out: what lies between two integers may become either.
      return 1;
    }
    if (bounds.isEmpty()) {
      Set<Quantity> wanted = wanted();
      cores.forEach(core -> bounds.add(Bounds.of(core, capture.dout(), wanted)));
    }
    return bounds.stream().mapToDouble(each -> each.of(quantity, result.dtype())).max().orElse(0);
  }

  /** The quantities of everything that is compared. */
  private Set<Quantity> wanted() {
    Set<Quantity> wanted = EnumSet.noneOf(Quantity.class);
    results
        .all()
        .forEach((name, result) -> {
          if (capture.expected().containsKey(name)) {
            result.parts().forEach(part -> wanted.add(part.quantity()));
          }
        });
    return wanted;
  }

  /** At least 1 for different numbers, also where a double cannot tell them apart. */
  private static double difference(long a, long b) {
    return a == b ? 0 : Math.max(1, Math.abs((double) a - (double) b));
  }

  /** The largest difference, a row at a time so that nothing is held twice. */
  private static double error(Tensor result, Tensor expected) {
    if (result.elements() == 0) {
      return 0;
    }
    if (result.rank() == 0) {
      return error(result.reshape(1), expected.reshape(1));
    }
    if (result.rank() > 1) {
      double error = 0;
      for (long index = 0; index < result.dim(0); index++) {
        error = Math.max(error, error(result.select(0, index), expected.select(0, index)));
      }
      return error;
    }
    if (!result.dtype().isFloating()) {
      return LongStream.range(0, result.dim(0))
          .mapToDouble(n -> difference(result.getLong(n), expected.getLong(n)))
          .max()
          .orElse(0);
    }
    double[] values = new double[Math.toIntExact(result.dim(0))];
    double[] truth = new double[values.length];
    for (int n = 0; n < values.length; n++) {
      values[n] = result.get(n);
      truth[n] = expected.get(n);
    }
    return Tolerance.error(values, truth);
  }
}
