package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import java.util.Arrays;

/** What DJL calls the core's dtypes, and which of them an engine has. */
final class DataTypes {
  private DataTypes() {}

  /** Whether arrays of this manager hand out their own memory, and views of it. */
  static boolean isTorch(NDManager manager) {
    return manager.getEngine().getEngineName().equals("PyTorch");
  }

  /** The dtype of an array that is computed with. */
  static DType floating(String name, NDArray array) {
    boolean torch = isTorch(array.getManager());
    DataType type = array.getDataType();
    if (type == DataType.FLOAT32) {
      return DType.FLOAT32;
    }
    if (type == DataType.FLOAT16) {
      return DType.FLOAT16;
    }
    if (type == DataType.BFLOAT16 && !torch) {
      return DType.BFLOAT16;
    }
    // What a model leaves in bfloat16 is of an unknown type to the PyTorch engine.
    String expected = torch ? "float32 or float16, as PyTorch in DJL has no bfloat16" : "a float";
    throw RefusedException.type(
        name, "expected %s, got %s%s".formatted(expected, type, array.getShape()));
  }

  /** The dtype of an array whose elements are zero or not. */
  static DType logical(String name, NDArray array) {
    return switch (array.getDataType()) {
      case BOOLEAN -> DType.BOOL;
      case INT8, UINT8 -> DType.INT8;
      default ->
          throw RefusedException.type(
              name,
              "expected boolean, int8 or uint8, got %s%s"
                  .formatted(array.getDataType(), array.getShape()));
    };
  }

  /** The type of a new array. */
  static DataType of(String name, DType dtype, NDManager manager) {
    if (dtype == DType.BFLOAT16 && isTorch(manager)) {
      // The engine would end the process.
      throw RefusedException.type(
          name, "expected FLOAT32 or FLOAT16, as PyTorch in DJL has no bfloat16, got " + dtype);
    }
    return switch (dtype) {
      case FLOAT32 -> DataType.FLOAT32;
      case FLOAT16 -> DataType.FLOAT16;
      case BFLOAT16 -> DataType.BFLOAT16;
      default -> throw new IllegalArgumentException("no dtype of a result: " + dtype);
    };
  }

  /** The size of an array, unless no buffer of DJL's can hold it. */
  static int bytes(String name, DType dtype, long... shape) {
    long bytes = Arrays.stream(shape).reduce(dtype.bytes(), Math::multiplyExact);
    if (bytes > Integer.MAX_VALUE) {
      throw RefusedException.value(
          name,
          "expected less than 2 GiB, got %s%s (%d bytes)"
              .formatted(dtype, Arrays.toString(shape), bytes));
    }
    return (int) bytes;
  }
}
