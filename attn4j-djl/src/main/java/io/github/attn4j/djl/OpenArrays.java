package io.github.attn4j.djl;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.SparseFormat;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import io.github.attn4j.RefusedException;
import io.github.attn4j.SoftmaxStats;
import io.github.attn4j.Tensor;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Arrays as tensors on their memory, until closed. */
final class OpenArrays implements AutoCloseable {
  private final List<NDArray> held = new ArrayList<>();
  private @Nullable NDManager scratch;

  /** The inputs of a call. */
  AttentionInputs inputs(DjlInputs inputs) {
    DjlBias bias = inputs.bias();
    return AttentionInputs.of(
            tensor("query", inputs.query()),
            tensor("key", inputs.key()),
            tensor("value", inputs.value()))
        .withBias(bias == null ? null : bias.kind().apply(tensor("bias", bias.parameter())))
        .withSink(optional("sink", inputs.sink()))
        .withDropout(inputs.dropout());
  }

  /** What a forward returned. */
  AttentionResult result(DjlResult result, Layout layout) {
    NDArray max = result.rowMax();
    NDArray sum = result.rowSum();
    return new AttentionResult(
        tensor("out", result.out()),
        tensor("lse", result.lse()),
        optional("maxLogit", result.maxLogit()),
        max == null || sum == null
            ? null
            : new SoftmaxStats(tensor("rowMax", max), tensor("rowSum", sum)),
        layout);
  }

  private @Nullable Tensor optional(String name, @Nullable NDArray array) {
    return array == null ? null : tensor(name, array);
  }

  /** An array of numbers. */
  Tensor tensor(String name, NDArray array) {
    checkPlace(name, array);
    return open(name, array, DataTypes.floating(name, array));
  }

  /** An array of elements that are zero or not. */
  Tensor logical(String name, NDArray array) {
    checkPlace(name, array);
    return open(name, array, DataTypes.logical(name, array));
  }

  private static void checkPlace(String name, NDArray array) {
    if (array.isReleased()) {
      throw RefusedException.value(name, "expected an open array, got one that was closed");
    }
    Device device = array.getDevice();
    if (!device.getDeviceType().equals(Device.Type.CPU)) {
      throw RefusedException.value(
          name, "expected an array on %s, got one on %s".formatted(Device.cpu(), device));
    }
    if (array.getSparseFormat() != SparseFormat.DENSE) {
      throw RefusedException.value(name, "expected a dense array, got " + array.getSparseFormat());
    }
  }

  private Tensor open(String name, NDArray array, DType dtype) {
    long[] shape = array.getShape().getShape();
    int bytes = DataTypes.bytes(name, dtype, shape);
    held.add(array);
    return Tensor.of(memory(array).limit(bytes), dtype, shape);
  }

  /**
   * The array's memory, or a copy where it is not contiguous. Such a copy of PyTorch's belongs to
   * the manager of the array that is asked, so a view is asked which belongs to ours.
   */
  private ByteBuffer memory(NDArray array) {
    if (!DataTypes.isTorch(array.getManager())) {
      return array.toByteBuffer(true);
    }
    if (scratch == null) {
      scratch = array.getManager().newSubManager();
    }
    NDArray view = array.stopGradient();
    view.attach(scratch);
    return view.toByteBuffer(true);
  }

  @Override
  public void close() {
    if (scratch != null) {
      scratch.close();
    }
    // The tensors do not keep the arrays alive.
    held.forEach(Reference::reachabilityFence);
  }
}
