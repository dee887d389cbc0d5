package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The new arrays of a call; those of a call that fails are closed. */
final class NewArrays implements AutoCloseable {
  private final NDManager manager;
  private final List<Made> made = new ArrayList<>();
  private boolean kept;

  NewArrays(NDManager manager) {
    this.manager = manager;
  }

  /**
   * A new array.
   *
   * @param array the array
   * @param memory its memory, or with other engines than PyTorch what is to be set as it
   * @param tensor the same memory, to write to
   */
  record Made(NDArray array, ByteBuffer memory, Tensor tensor) {}

  /** An array that is still to be written. */
  Made create(String name, DType dtype, long... shape) {
    DataType type = DataTypes.of(name, dtype, manager);
    int bytes = DataTypes.bytes(name, dtype, shape);
    NDArray array = manager.create(new Shape(shape), type);
    ByteBuffer memory =
        DataTypes.isTorch(manager) ? array.toByteBuffer(true) : manager.allocateDirect(bytes);
    Made result = new Made(array, memory, Tensor.of(memory, dtype, shape));
    made.add(result);
    return result;
  }

  /** An array with the numbers of a dense tensor. */
  NDArray copy(String name, Tensor tensor) {
    Made result = create(name, tensor.dtype(), tensor.shape());
    MemorySegment.copy(
        tensor.segment(),
        tensor.offset() * tensor.dtype().bytes(),
        result.tensor().segment(),
        0,
        result.tensor().segment().byteSize());
    return result.array();
  }

  @Nullable NDArray copyOptional(String name, @Nullable Tensor tensor) {
    return tensor == null ? null : copy(name, tensor);
  }

  /** Hands the arrays, written, over to the caller. */
  <T> T keep(T arrays) {
    if (!DataTypes.isTorch(manager)) {
      made.forEach(one -> one.array().set(one.memory()));
    }
    kept = true;
    return arrays;
  }

  @Override
  public void close() {
    if (!kept) {
      made.forEach(one -> one.array().close());
    }
  }
}
