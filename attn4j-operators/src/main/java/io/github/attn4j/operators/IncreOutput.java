package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The last step: rounds the core's float32 output as the document's operator does, to the dtype of
 * the query or to int8.
 */
final class IncreOutput {
  private IncreOutput() {}

  static Tensor of(IncreFlashAttention call, IncreShape shape, Tensor out) {
    Tensor scale = call.quantScale2;
    if (scale != null) {
      return quantized(out, shape, scale, call.quantOffset2);
    }
    DType dtype = call.query.dtype();
    if (dtype != DType.FLOAT16) {
      return dtype == out.dtype() ? out : out.to(dtype);
    }
    float[] values = out.toFloatArray();
    short[] rounded = new short[values.length];
    for (int n = 0; n < values.length; n++) {
      rounded[n] = toFloat16(values[n]);
    }
    return Tensor.of(rounded, DType.FLOAT16, out.shape());
  }

  private static Tensor quantized(
      Tensor out, IncreShape shape, Tensor scale, @Nullable Tensor offset) {
    float[] values = out.toFloatArray();
    float[] factors = scale.toFloatArray();
    float[] offsets = offset == null ? new float[factors.length] : offset.toFloatArray();
    byte[] integers = new byte[values.length];
    for (int n = 0; n < values.length; n++) {
      int channel = factors.length == 1 ? 0 : shape.channel(n);
      integers[n] = toInt8(values[n] * factors[channel] + offsets[channel]);
    }
    return Tensor.of(integers, DType.INT8, out.shape());
  }

  /** By way of float16, halves away from zero both times, cut to the range; NaN becomes 0. */
  private static byte toInt8(float value) {
    float half = Float.float16ToFloat(toFloat16(value));
    double rounded = Math.copySign(Math.floor(Math.abs((double) half) + 0.5), half);
    return (byte) (int) Math.clamp(rounded, Byte.MIN_VALUE, Byte.MAX_VALUE);
  }

  /** To the nearest float16, halves away from zero. */
  static short toFloat16(float value) {
    short even = Float.floatToFloat16(value);
    double below = Math.abs((double) Float.float16ToFloat(even));
    double above = Math.abs((double) Float.float16ToFloat((short) (even + 1)));
    double magnitude = Math.abs((double) value);
    // Where the even neighbour is the lower one, a half was rounded towards zero.
    boolean half = magnitude > below && magnitude - below == above - magnitude;
    return half ? (short) (even + 1) : even;
  }
}
