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
    boolean integers = call.quantScale2 != null;
    DType dtype = integers ? DType.INT8 : call.query.dtype();
    if (dtype == DType.FLOAT32) {
      return out;
    }
    if (dtype == DType.BFLOAT16) {
      return out.to(dtype);
    }
    Tensor rounded = Tensor.zeros(dtype, out.shape());
    float[] scale = numbers(call.quantScale2);
    float[] offset = numbers(call.quantOffset2);
    for (long b = 0; b < out.dim(0); b++) {
      Tensor entry = out.slice(0, b, b + 1);
      float[] values = entry.toFloatArray();
      Tensor target = rounded.slice(0, b, b + 1);
      target.assign(
          integers
              ? quantized(values, shape, scale, offset, entry.shape())
              : halves(values, entry.shape()));
    }
    return rounded;
  }

  private static float[] numbers(@Nullable Tensor factor) {
    return factor == null ? new float[1] : factor.toFloatArray();
  }

  private static Tensor halves(float[] values, long[] extents) {
    short[] halves = new short[values.length];
    for (int n = 0; n < values.length; n++) {
      halves[n] = toFloat16(values[n]);
    }
    return Tensor.of(halves, DType.FLOAT16, extents);
  }

  private static Tensor quantized(
      float[] values, IncreShape shape, float[] scale, float[] offset, long[] extents) {
    byte[] integers = new byte[values.length];
    for (int n = 0; n < values.length; n++) {
      int channel = shape.channel(n);
      float factor = scale[scale.length == 1 ? 0 : channel];
      integers[n] = toInt8(values[n] * factor + offset[offset.length == 1 ? 0 : channel]);
    }
    return Tensor.of(integers, DType.INT8, extents);
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
