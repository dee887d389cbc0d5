package io.github.attn4j.bench.peer;

import java.util.List;
import java.util.Map;

/** A model of one node, in ONNX's file format; the numbers are the field numbers of onnx.proto. */
final class OnnxModel {
  static final int FLOAT = 1;
  static final int INT32 = 6;

  private static final long IR_VERSION = 8;
  private static final long ONNX_OPSET = 17;
  private static final String MICROSOFT = "com.microsoft";
  private static final long INTEGER_ATTRIBUTE = 2;

  private final Protobuf node = new Protobuf();
  private final Protobuf values = new Protobuf();

  /** A node of ONNX Runtime's own operators. */
  OnnxModel(String operator, Map<String, Integer> attributes) {
    node.text(4, operator).text(7, MICROSOFT);
    attributes.forEach((name, value) ->
        node.message(
            5, new Protobuf().text(1, name).integer(3, value).integer(20, INTEGER_ATTRIBUTE)));
  }

  /** The node's next input, one of the model's. */
  OnnxModel input(String name, int type, long... shape) {
    node.text(1, name);
    values.message(11, value(name, type, shape));
    return this;
  }

  /** The node's next output, one of the model's. */
  OnnxModel output(String name, int type, long... shape) {
    node.text(2, name);
    values.message(12, value(name, type, shape));
    return this;
  }

  private static Protobuf value(String name, int type, long... shape) {
    Protobuf extents = new Protobuf();
    for (long extent : shape) {
      extents.message(1, new Protobuf().integer(1, extent));
    }
    Protobuf tensor = new Protobuf().integer(1, type).message(2, extents);
    return new Protobuf().text(1, name).message(2, new Protobuf().message(1, tensor));
  }

  byte[] toByteArray() {
    Protobuf graph = new Protobuf().message(1, node).text(2, "attention").append(values);
    Protobuf model = new Protobuf().integer(1, IR_VERSION).message(7, graph);
    for (Map.Entry<String, Long> opset :
        List.of(Map.entry("", ONNX_OPSET), Map.entry(MICROSOFT, 1L))) {
      model.message(8, new Protobuf().text(1, opset.getKey()).integer(2, opset.getValue()));
    }
    return model.toByteArray();
  }
}
