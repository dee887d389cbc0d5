package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * One call of the standard's own test cases: a safetensors file as {@code shared/spec/captures.md}
 * describes it, read by patterns that fit these files and need fit no others.
 */
@NullMarked
final class OnnxCapture {
  private static final Pattern ENTRY =
      Pattern.compile(
          "\"([\\w.]+)\":\\s*\\{\"dtype\":\\s*\"(\\w+)\",\\s*\"shape\":\\s*\\[([\\d, ]*)\\],"
              + "\\s*\"data_offsets\":\\s*\\[(\\d+),\\s*(\\d+)\\]\\}");
  private static final Pattern NUMBER = Pattern.compile("\\\\\"(\\w+)\\\\\":\\s*([-.\\deE]+)");

  private final Map<String, Tensor> tensors = new HashMap<>();
  private final Map<String, Double> attributes = new HashMap<>();

  private OnnxCapture() {}

  static OnnxCapture read(Path file) throws IOException {
    OnnxCapture capture = new OnnxCapture();
    byte[] bytes = Files.readAllBytes(file);
    int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    String header = new String(bytes, 8, length, StandardCharsets.UTF_8);
    for (Matcher entry = ENTRY.matcher(header); entry.find(); ) {
      int from = 8 + length + Integer.parseInt(entry.group(4));
      int to = 8 + length + Integer.parseInt(entry.group(5));
      MemorySegment data = MemorySegment.ofArray(Arrays.copyOfRange(bytes, from, to));
      capture.tensors.put(
          entry.group(1), Tensor.of(data, dtype(entry.group(2)), shape(entry.group(3))));
    }
    for (Matcher number = NUMBER.matcher(header); number.find(); ) {
      capture.attributes.put(number.group(1), Double.valueOf(number.group(2)));
    }
    return capture;
  }

  private static DType dtype(String tag) {
    return switch (tag) {
      case "F32" -> DType.FLOAT32;
      case "F16" -> DType.FLOAT16;
      case "I64" -> DType.INT64;
      case "BOOL" -> DType.BOOL;
      default -> throw new IllegalArgumentException("dtype " + tag);
    };
  }

  private static long[] shape(String extents) {
    return Arrays.stream(extents.split(","))
        .map(String::strip)
        .mapToLong(Long::parseLong)
        .toArray();
  }

  @Nullable Tensor tensor(String name) {
    return tensors.get(name);
  }

  Tensor required(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no tensor " + name);
    }
    return tensor;
  }

  private @Nullable Integer integer(String name) {
    Double value = attributes.get(name);
    return value == null ? null : value.intValue();
  }

  /** The call, with the outputs that the file has expectations for. */
  OnnxAttention call() {
    OnnxAttention call =
        OnnxAttention.of(required("Q"), required("K"), required("V"))
            .attnMask(tensor("attn_mask"))
            .past(tensor("past_key"), tensor("past_value"))
            .nonpadKvSeqlen(tensor("nonpad_kv_seqlen"))
            .qNumHeads(integer("q_num_heads"))
            .kvNumHeads(integer("kv_num_heads"))
            .scale(attributes.get("scale"))
            .softcap(attributes.getOrDefault("softcap", 0.0))
            .isCausal(attributes.containsKey("is_causal"))
            .softmaxPrecision(integer("softmax_precision"))
            .opset(attributes.getOrDefault("opset", 24.0).intValue());
    Integer mode = integer("qk_matmul_output_mode");
    if (mode != null) {
      call.qkMatmulOutputMode(mode);
    }
    return call;
  }
}
