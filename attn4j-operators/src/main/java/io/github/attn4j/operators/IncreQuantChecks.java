package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Scales and offsets of {@code incre_flash_attention}: what it refuses of them, and what those of
 * the cache mean to the core.
 */
final class IncreQuantChecks {
  private IncreQuantChecks() {}

  static void check(IncreFlashAttention call, IncreShape shape) {
    unused("dequant_scale1", call.dequantScale1);
    if (call.quantScale1 != null && call.quantScale1.dtype() != DType.FLOAT32) {
      throw RefusedException.type("quant_scale1", "expected float32, got " + call.quantScale1);
    }
    unused("quant_scale1", call.quantScale1);
    unused("dequant_scale2", call.dequantScale2);
    output(call, shape);
    if (call.keyAntiquant != null || call.valueAntiquant != null) {
      separate(call);
    } else {
      combined(call, shape);
    }
  }

  private static void unused(String name, @Nullable Tensor tensor) {
    if (tensor != null) {
      throw RefusedException.runtime(
          name, "expected None, it is not in use in the document's operator; got " + tensor);
    }
  }

  /** Whether a scale of the output is one number for all channels. */
  static boolean perTensor(Tensor scale) {
    return scale.rank() <= 1 && scale.elements() == 1;
  }

  private static void output(IncreFlashAttention call, IncreShape shape) {
    Tensor scale = call.quantScale2;
    Tensor offset = call.quantOffset2;
    if (scale != null && scale.dtype() != DType.FLOAT32) {
      throw RefusedException.type("quant_scale2", "expected float32, got " + scale);
    }
    if (offset != null && offset.dtype() != DType.FLOAT32) {
      throw RefusedException.type("quant_offset2", "expected float32, got " + offset);
    }
    if (scale == null) {
      if (offset != null) {
        throw RefusedException.runtime(
            "quant_offset2", "expected quant_scale2 beside it, got %s alone".formatted(offset));
      }
      return;
    }
    long n = shape.heads();
    long d = shape.headDim();
    boolean perChannel =
        Stream.of(
                new long[] {n, d},
                new long[] {n, 1, d},
                new long[] {1, n, d},
                new long[] {1, n, 1, d},
                new long[] {1, 1, n, d},
                new long[] {n * d},
                new long[] {1, n * d},
                new long[] {1, 1, n * d})
            .anyMatch(scale::hasShape);
    IncreChecks.expect(
        call,
        "quant_scale2",
        perTensor(scale) || perChannel,
        "(1), or one number for each of %d heads and %d columns, for quant_scale2 %s"
            .formatted(n, d, scale));
    if (offset != null) {
      IncreChecks.expect(
          call,
          "quant_offset2",
          offset.hasShape(scale.shape()),
          "the shape of quant_scale2, %s, for quant_offset2 %s"
              .formatted(Arrays.toString(scale.shape()), offset));
    }
  }

  /** The document's scales, of key and value in one tensor. */
  private static void combined(IncreFlashAttention call, IncreShape shape) {
    Tensor scale = call.antiquantScale;
    Tensor offset = call.antiquantOffset;
    DType kv = call.key.get(0).dtype();
    if (scale == null) {
      if (offset != null || kv == DType.INT8) {
        throw RefusedException.runtime(
            "antiquant_scale",
            "expected a scale for %s, got none (%s)"
                .formatted(
                    kv == DType.INT8 ? "key and value of int8" : "antiquant_offset",
                    IncreChecks.given(call)));
      }
      return;
    }
    if (kv != DType.INT8) {
      throw RefusedException.type(
          "key", "expected int8 beside antiquant_scale, got " + IncreChecks.given(call));
    }
    if (scale.dtype() != call.query.dtype()) {
      throw RefusedException.type(
          "antiquant_scale",
          "expected the dtype of query, %s, got %s".formatted(call.query.dtype(), scale));
    }
    long n = shape.kvHeads();
    long d = shape.headDim();
    boolean fits =
        Stream.of(
                new long[] {2},
                new long[] {2, n, 1, d},
                new long[] {2, 1, n, d},
                new long[] {2, n, d},
                new long[] {2, n * d})
            .anyMatch(scale::hasShape);
    IncreChecks.expect(
        call,
        "antiquant_scale",
        fits,
        "(2), (2, kvN, 1, D), (2, 1, kvN, D), (2, kvN, D) or (2, kvH) of %d heads and %d columns, for antiquant_scale %s"
            .formatted(n, d, scale));
    if (offset == null) {
      return;
    }
    if (offset.dtype() != scale.dtype()) {
      throw RefusedException.type(
          "antiquant_offset",
          "expected the dtype of antiquant_scale, %s, got %s".formatted(scale.dtype(), offset));
    }
    IncreChecks.expect(
        call,
        "antiquant_offset",
        offset.hasShape(scale.shape()),
        "the shape of antiquant_scale, %s, for antiquant_offset %s"
            .formatted(Arrays.toString(scale.shape()), offset));
  }

  private static void separate(IncreFlashAttention call) {
    Quantization key = call.keyAntiquant;
    Quantization value = call.valueAntiquant;
    if (call.antiquantScale != null || call.antiquantOffset != null) {
      throw RefusedException.runtime(
          "key_antiquant",
          "expected none beside antiquant_scale and antiquant_offset, got both (%s)"
              .formatted(IncreChecks.given(call)));
    }
    if (key == null || value == null || key.bits() != value.bits()) {
      throw RefusedException.value(
          "value_antiquant",
          "expected rules for key and value of as many bits, got %s and %s".formatted(key, value));
    }
    if (call.key.get(0).dtype() != DType.INT8) {
      throw RefusedException.type(
          "key", "expected int8 beside key_antiquant, got " + IncreChecks.given(call));
    }
  }

  /** What the integers of the key (0) or the value (1) mean; null for floating ones. */
  static @Nullable Quantization rule(IncreFlashAttention call, IncreShape shape, int which) {
    Tensor scale = call.antiquantScale;
    if (scale == null) {
      return which == 0 ? call.keyAntiquant : call.valueAntiquant;
    }
    Tensor offset = call.antiquantOffset;
    return Quantization.int8(
        factor(shape, scale, which), offset == null ? null : factor(shape, offset, which));
  }

  private static Tensor factor(IncreShape shape, Tensor combined, int which) {
    Tensor part = combined.select(0, which);
    if (part.rank() == 0) {
      return part.reshape(1, 1, 1, 1);
    }
    return part.copy().reshape(1, shape.kvHeads(), 1, shape.headDim());
  }
}
