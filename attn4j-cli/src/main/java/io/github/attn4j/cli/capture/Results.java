package io.github.attn4j.cli.capture;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Tensors by the operator's own names, in the order in which they were added. */
public final class Results {
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /** Adds a tensor, if the call has it. */
  Results with(String name, @Nullable Tensor tensor) {
    if (tensor != null) {
      tensors.put(name, tensor);
    }
    return this;
  }

  /** Adds an int64 scalar. */
  Results with(String name, long value) {
    Tensor scalar = Tensor.zeros(DType.INT64);
    scalar.setLong(value);
    return with(name, scalar);
  }

  /**
   * All of them.
   *
   * @return a copy
   */
  public Map<String, Tensor> tensors() {
    return new LinkedHashMap<>(tensors);
  }
}
