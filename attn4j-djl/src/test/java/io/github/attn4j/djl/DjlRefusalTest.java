package io.github.attn4j.djl;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import java.lang.reflect.Proxy;
import java.nio.FloatBuffer;
import java.util.Map;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is refused, in which words; nothing is converted or moved in silence. */
@OnTorch
class DjlRefusalTest {
  private NDManager manager;
  private NDArray good;

  @BeforeEach
  void open() {
    manager = NDManager.newBaseManager("PyTorch");
    good = manager.ones(new Shape(1, 2, 5, 8));
  }

  @AfterEach
  void close() {
    manager.close();
  }

  private static AbstractThrowableAssert<?, ?> refused(Runnable call) {
    return assertThatThrownBy(call::run).isInstanceOf(RefusedException.class);
  }

  /** An array that says otherwise than it is, where the test's machine or engine has none such. */
  private static NDArray saying(NDArray array, Map<String, Object> answers) {
    return (NDArray)
        Proxy.newProxyInstance(
            NDArray.class.getClassLoader(),
            new Class<?>[] {NDArray.class},
            (proxy, method, arguments) ->
                answers.containsKey(method.getName())
                    ? answers.get(method.getName())
                    : method.invoke(array, arguments));
  }

  @Test
  void typesThatAreNotComputedWith() {
    NDArray doubles = good.toType(DataType.FLOAT64, false);
    NDArray integers = good.toType(DataType.INT64, false);
    refused(() -> DjlAttention.forward(doubles, good, good, Mask.full()))
        .hasMessage(
            "query: expected float32 or float16, as PyTorch in DJL has no bfloat16, got"
                + " float64(1, 2, 5, 8)");
    refused(() -> DjlAttention.forward(good, integers, good, Mask.full()))
        .hasMessageStartingWith("key: expected float32 or float16")
        .hasMessageEndingWith("got int64(1, 2, 5, 8)");
    DjlResult result = DjlAttention.forward(good, good, good, Mask.full());
    refused(() -> DjlAttention.backward(good, good, good, Mask.full(), result, doubles))
        .hasMessageStartingWith("dout: expected float32 or float16");
  }

  @Test
  void mixedTypes() {
    NDArray half = good.toType(DataType.FLOAT16, false);
    refused(() -> DjlAttention.forward(good, half, good, Mask.full()))
        .hasMessageStartingWith("key: expected dtype FLOAT32, got FLOAT16");
  }

  /**
   * DJL's PyTorch engine would end the process; what a model leaves in bfloat16 it calls unknown.
   */
  @Test
  void bfloat16() {
    NDArray unknown = saying(good, Map.of("getDataType", DataType.UNKNOWN));
    refused(() -> DjlAttention.forward(good, good, unknown, Mask.full()))
        .hasMessageStartingWith("value: expected float32 or float16, as PyTorch in DJL has no")
        .hasMessageEndingWith("got unknown(1, 2, 5, 8)");
    NDArray named = saying(good, Map.of("getDataType", DataType.BFLOAT16));
    refused(() -> DjlAttention.forward(named, good, good, Mask.full()))
        .hasMessageEndingWith("got bfloat16(1, 2, 5, 8)");
    DjlAttention attention =
        DjlAttention.of(
            AttentionSpec.builder()
                .padded(1, 5, 5)
                .heads(2, 2)
                .dims(8, 8)
                .outDtype(DType.BFLOAT16)
                .build());
    refused(() -> attention.forward(DjlInputs.of(good, good, good)))
        .hasMessage(
            "outDtype: expected FLOAT32 or FLOAT16, as PyTorch in DJL has no bfloat16, got"
                + " BFLOAT16");
  }

  @Test
  void arraysOnADevice() {
    NDArray device = saying(good, Map.of("getDevice", Device.gpu(0)));
    refused(() -> DjlAttention.forward(good, device, good, Mask.full()))
        .hasMessage("key: expected an array on cpu(), got one on gpu(0)");
    refused(() -> DjlAttention.mask(device))
        .hasMessage("mask: expected an array on cpu(), got one on gpu(0)");
  }

  @Test
  void closedArrays() {
    NDArray closed = good.duplicate();
    closed.close();
    refused(() -> DjlAttention.forward(good, good, closed, Mask.full()))
        .hasMessage("value: expected an open array, got one that was closed");
    NDManager ended = manager.newSubManager();
    NDArray ownerless = ended.ones(new Shape(1, 2, 5, 8));
    ended.close();
    refused(() -> DjlAttention.forward(ownerless, good, good, Mask.full()))
        .hasMessage("query: expected an open array, got one that was closed");
  }

  @Test
  void sparseArrays() {
    NDArray sparse =
        manager.createCoo(
            FloatBuffer.wrap(new float[] {1}), new long[][] {{0}, {0}}, new Shape(2, 2));
    refused(() -> DjlAttention.forward(good, good, sparse, Mask.full()))
        .hasMessage("value: expected a dense array, got COO");
  }

  @Test
  void arraysThatNoBufferHolds() {
    NDArray large = saying(good, Map.of("getShape", new Shape(1, 8, 1 << 20, 64)));
    refused(() -> DjlAttention.forward(large, good, good, Mask.full()))
        .hasMessage(
            "query: expected less than 2 GiB, got FLOAT32[1, 8, 1048576, 64] (2147483648 bytes)");
  }

  @Test
  void shapes() {
    NDArray flat = good.reshape(10, 8);
    refused(() -> DjlAttention.forward(flat, good, good, Mask.full()))
        .hasMessageStartingWith("query: expected rank 4, got query FLOAT32[10, 8]");
    NDArray longer = manager.ones(new Shape(1, 2, 6, 8));
    refused(() -> DjlAttention.forward(good, good, longer, Mask.full()))
        .hasMessageStartingWith("value: expected shape [1, 2, 5, 8], got FLOAT32[1, 2, 6, 8]");
    DjlResult result = DjlAttention.forward(good, good, good, Mask.full());
    refused(() -> DjlAttention.backward(good, good, good, Mask.full(), result, longer))
        .hasMessageStartingWith("dout: expected shape [1, 2, 5, 8]");
  }

  @Test
  void masksOfNumbers() {
    refused(() -> DjlAttention.mask(good))
        .hasMessage("mask: expected boolean, int8 or uint8, got float32(1, 2, 5, 8)");
  }
}
