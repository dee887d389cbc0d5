package io.github.attn4j.cli.capture;

import io.github.attn4j.DType;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The words by which safetensors calls the dtypes. */
final class DTypeTags {
  private DTypeTags() {}

  /** The dtype of a tag, or null for one that attn4j has no type for. */
  static @Nullable DType dtype(String tag) {
    return switch (tag) {
      // Unsigned bytes occur as masks and packed bits only, where just their bits count.
      case "I8", "U8" -> DType.INT8;
      case "F32" -> DType.FLOAT32;
      case "F16" -> DType.FLOAT16;
      case "BF16" -> DType.BFLOAT16;
      case "I32" -> DType.INT32;
      case "I64" -> DType.INT64;
      case "BOOL" -> DType.BOOL;
      default -> null;
    };
  }

  static String tag(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> "F32";
      case FLOAT16 -> "F16";
      case BFLOAT16 -> "BF16";
      case INT8 -> "I8";
      case INT32 -> "I32";
      case INT64 -> "I64";
      case BOOL -> "BOOL";
    };
  }

  static List<String> known() {
    return Arrays.stream(DType.values()).map(DTypeTags::tag).toList();
  }
}
