package io.github.attn4j.cli.capture;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Quantity;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a call returned by the operator's own names, in their order, and what rounding may do to it.
 */
public final class Results {
  private final Map<String, Result> results = new LinkedHashMap<>();

  /**
   * One result.
   *
   * @param tensor the whole of it
   * @param parts what it is made of; without any it must be what was expected, exactly
   */
  record Result(Tensor tensor, List<Part> parts) {}

  /**
   * A result, or a slice of one.
   *
   * @param quantity what it is
   * @param dimension which dimension is cut
   * @param from first index of the slice
   * @param to last index of the slice, exclusive
   */
  record Part(Quantity quantity, int dimension, long from, long to) {
    Tensor of(Tensor tensor) {
      return tensor.slice(dimension, from, to);
    }
  }

  /** The gradients as most operators call them. */
  static Results gradients(Tensor dquery, Tensor dkey, Tensor dvalue) {
    return new Results()
        .with("dquery", Quantity.DQUERY, dquery)
        .with("dkey", Quantity.DKEY, dkey)
        .with("dvalue", Quantity.DVALUE, dvalue);
  }

  /** Adds a tensor that no rounding may change, if the call has it. */
  Results with(String name, @Nullable Tensor tensor) {
    return with(name, tensor, List.of());
  }

  /** Adds an int64 scalar. */
  Results with(String name, long value) {
    Tensor scalar = Tensor.zeros(DType.INT64);
    scalar.setLong(value);
    return with(name, scalar);
  }

  /** Adds a tensor of one quantity, if the call has it. */
  Results with(String name, Quantity quantity, @Nullable Tensor tensor) {
    return tensor == null
        ? this
        : with(name, tensor, List.of(new Part(quantity, 0, 0, tensor.dim(0))));
  }

  /** Adds a tensor made of several quantities, if the call has it. */
  Results with(String name, @Nullable Tensor tensor, List<Part> parts) {
    if (tensor != null) {
      results.put(name, new Result(tensor, parts));
    }
    return this;
  }

  /** Adds everything of others. */
  Results with(Results others) {
    results.putAll(others.results);
    return this;
  }

  Map<String, Result> all() {
    return results;
  }

  Map<String, Tensor> tensors() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    results.forEach((name, result) -> tensors.put(name, result.tensor()));
    return tensors;
  }
}
