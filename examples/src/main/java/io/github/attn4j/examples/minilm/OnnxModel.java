package io.github.attn4j.examples.minilm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The weights in an ONNX file: its initialisers, and which of them each product multiplies by. */
final class OnnxModel {
  // Field numbers of onnx.proto.
  private static final int MODEL_GRAPH = 7;
  private static final int GRAPH_NODE = 1;
  private static final int GRAPH_INITIALIZER = 5;
  private static final int NODE_INPUT = 1;
  private static final int NODE_OUTPUT = 2;
  private static final int NODE_OP_TYPE = 4;
  private static final int TENSOR_DIMS = 1;
  private static final int TENSOR_DATA_TYPE = 2;
  private static final int TENSOR_NAME = 8;
  private static final int TENSOR_RAW_DATA = 9;

  private static final int FLOAT = 1;

  /** An initialiser as the file has it. */
  private record Initializer(long[] shape, long type, ProtoMessage.Slice raw) {}

  private final Map<String, Initializer> initializers = new HashMap<>();

  /** From the output of a MatMul to the name of its right operand. */
  private final Map<String, String> rightOperands = new HashMap<>();

  /**
   * Reads a model.
   *
   * @param file the file's bytes; the model reads weights from them when asked
   * @throws IOException if they are no such file, naming the offset
   */
  OnnxModel(byte[] file) throws IOException {
    ProtoMessage model = new ProtoMessage(file);
    while (model.next()) {
      if (model.field() == MODEL_GRAPH) {
        readGraph(model.message());
      }
    }
    if (initializers.isEmpty()) {
      throw new IOException("expected a graph with initialisers, got none");
    }
  }

  private void readGraph(ProtoMessage graph) throws IOException {
    while (graph.next()) {
      switch (graph.field()) {
        case GRAPH_NODE -> readNode(graph.message());
        case GRAPH_INITIALIZER -> readInitializer(graph.message());
        default -> {}
      }
    }
  }

  private void readNode(ProtoMessage node) throws IOException {
    List<String> inputs = new ArrayList<>();
    List<String> outputs = new ArrayList<>();
    String operator = "";
    while (node.next()) {
      switch (node.field()) {
        case NODE_INPUT -> inputs.add(node.text());
        case NODE_OUTPUT -> outputs.add(node.text());
        case NODE_OP_TYPE -> operator = node.text();
        default -> {}
      }
    }
    if (operator.equals("MatMul") && inputs.size() == 2 && outputs.size() == 1) {
      rightOperands.put(outputs.getFirst(), inputs.getLast());
    }
  }

  private void readInitializer(ProtoMessage tensor) throws IOException {
    String name = "";
    long[] shape = {};
    long type = 0;
    ProtoMessage.Slice raw = new ProtoMessage.Slice(new byte[0], 0, 0);
    while (tensor.next()) {
      switch (tensor.field()) {
        case TENSOR_DIMS -> {
          long[] more = tensor.integers();
          int rank = shape.length;
          shape = Arrays.copyOf(shape, rank + more.length);
          System.arraycopy(more, 0, shape, rank, more.length);
        }
        case TENSOR_DATA_TYPE -> type = tensor.integer();
        case TENSOR_NAME -> name = tensor.text();
        case TENSOR_RAW_DATA -> raw = tensor.bytes();
        default -> {}
      }
    }
    initializers.put(name, new Initializer(shape, type, raw));
  }

  /**
   * The numbers of an initialiser.
   *
   * @param name as the file has it
   * @param shape what the caller can use
   * @throws IOException if there is none of this name, or it is no float32 of this shape
   */
  float[] floats(String name, long... shape) throws IOException {
    Initializer found = initializers.get(name);
    if (found == null) {
      throw new IOException(name + ": expected an initialiser, got none of this name");
    }
    if (found.type != FLOAT || !Arrays.equals(found.shape, shape)) {
      throw new IOException(
          "%s: expected data type %d %s, got %d %s"
              .formatted(
                  name, FLOAT, Arrays.toString(shape), found.type, Arrays.toString(found.shape)));
    }
    long count = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    if (found.raw.length() != count * Float.BYTES) {
      throw new IOException(
          "%s: expected %d bytes of raw_data, got %d"
              .formatted(name, count * Float.BYTES, found.raw.length()));
    }
    float[] numbers = new float[(int) count];
    ByteBuffer.wrap(found.raw.array(), found.raw.from(), found.raw.length())
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(numbers);
    return numbers;
  }

  /**
   * The right operand of a product: exporters give weights they transposed a name without meaning.
   *
   * @param output the name of the product's result
   * @param shape what the caller can use
   * @throws IOException if there is no such product, or it has no such operand
   */
  float[] rightOperand(String output, long... shape) throws IOException {
    String name = rightOperands.get(output);
    if (name == null) {
      throw new IOException(output + ": expected the output of a MatMul, got none of this name");
    }
    return floats(name, shape);
  }
}
