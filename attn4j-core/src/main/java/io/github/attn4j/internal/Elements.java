package io.github.attn4j.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Element access and stride arithmetic of tensors. Positions are in elements from the segment's
 * start.
 */
public final class Elements {
  /** Longest array that every JVM can allocate. */
  private static final long MAX_ARRAY = Integer.MAX_VALUE - 8;

  private Elements() {}

  /** The product of the extents, refusing negative ones and overflow. */
  public static long count(long... shape) {
    long elements = 1;
    boolean empty = false;
    for (long extent : shape) {
      if (extent < 0) {
        throw RefusedException.value(
            "shape", "expected extents >= 0, got " + Arrays.toString(shape));
      }
      empty |= extent == 0;
    }
    if (empty) {
      return 0;
    }
    for (long extent : shape) {
      if (elements > Long.MAX_VALUE / 8 / extent) {
        throw RefusedException.value(
            "shape", "expected fewer than 2^60 elements, got " + Arrays.toString(shape));
      }
      elements *= extent;
    }
    return elements;
  }

  /** The size in bytes of a dense tensor. */
  public static long bytes(DType dtype, long... shape) {
    return count(shape) * dtype.bytes();
  }

  /** Row-major strides. */
  public static long[] denseStrides(long[] shape) {
    long[] strides = new long[shape.length];
    long step = 1;
    for (int d = shape.length - 1; d >= 0; d--) {
      strides[d] = step;
      step *= Math.max(1, shape[d]);
    }
    return strides;
  }

  /**
   * The strides that show the same elements in the same order under another shape of as many
   * elements, or null where no strides can: each run of old dimensions that lie dense in one
   * another must split into whole new dimensions.
   */
  public static long @Nullable [] viewStrides(long[] shape, long[] strides, long[] target) {
    long[] result = denseStrides(target);
    if (count(shape) == 0) {
      return result;
    }
    // Extents of one carry no stride.
    long[] extents = new long[shape.length];
    long[] steps = new long[shape.length];
    int rank = 0;
    for (int d = 0; d < shape.length; d++) {
      if (shape[d] != 1) {
        extents[rank] = shape[d];
        steps[rank++] = strides[d];
      }
    }
    int t = target.length - 1;
    for (int d = rank - 1; d >= 0; d--) {
      long run = extents[d];
      long step = steps[d];
      while (d > 0 && steps[d - 1] == steps[d] * extents[d]) {
        run *= extents[--d];
      }
      while (run > 1) {
        if (run % target[t] != 0) {
          return null;
        }
        result[t] = step;
        step *= target[t];
        run /= target[t--];
      }
    }
    return result;
  }

  /**
   * Zeroed memory: an array where one can hold it (collected with its tensor), native memory
   * beyond.
   */
  public static MemorySegment allocate(DType dtype, long elements) {
    if (elements > MAX_ARRAY) {
      return Arena.ofAuto().allocate(elements * dtype.bytes(), 64);
    }
    int length = (int) elements;
    return switch (dtype) {
      case FLOAT32 -> MemorySegment.ofArray(new float[length]);
      case FLOAT16, BFLOAT16 -> MemorySegment.ofArray(new short[length]);
      case INT8, BOOL -> MemorySegment.ofArray(new byte[length]);
      case INT32 -> MemorySegment.ofArray(new int[length]);
      case INT64 -> MemorySegment.ofArray(new long[length]);
    };
  }

  /** Reads one element. */
  public static double get(MemorySegment segment, DType dtype, long position) {
    return switch (dtype) {
      case FLOAT32 -> segment.get(JAVA_FLOAT_UNALIGNED, position * 4);
      case FLOAT16 -> Float.float16ToFloat(segment.get(JAVA_SHORT_UNALIGNED, position * 2));
      case BFLOAT16 -> DType.bfloat16ToFloat(segment.get(JAVA_SHORT_UNALIGNED, position * 2));
      case INT8 -> segment.get(JAVA_BYTE, position);
      case INT32 -> segment.get(JAVA_INT_UNALIGNED, position * 4);
      case INT64 -> segment.get(JAVA_LONG_UNALIGNED, position * 8);
      case BOOL -> segment.get(JAVA_BYTE, position) == 0 ? 0 : 1;
    };
  }

  /** Reads floating elements that lie {@code step} apart. */
  static void read(
      MemorySegment segment, DType dtype, long position, long step, int count, float[] to) {
    switch (dtype) {
      case FLOAT32 -> {
        for (int n = 0; n < count; n++) {
          to[n] = segment.get(JAVA_FLOAT_UNALIGNED, (position + n * step) * 4);
        }
      }
      case FLOAT16 -> {
        for (int n = 0; n < count; n++) {
          short bits = segment.get(JAVA_SHORT_UNALIGNED, (position + n * step) * 2);
          to[n] = Float.float16ToFloat(bits);
        }
      }
      default -> {
        for (int n = 0; n < count; n++) {
          short bits = segment.get(JAVA_SHORT_UNALIGNED, (position + n * step) * 2);
          to[n] = DType.bfloat16ToFloat(bits);
        }
      }
    }
  }

  /** Writes neighbouring floating elements, rounded to nearest even. */
  static void write(MemorySegment segment, DType dtype, long position, int count, float[] from) {
    switch (dtype) {
      case FLOAT32 ->
          MemorySegment.copy(from, 0, segment, JAVA_FLOAT_UNALIGNED, position * 4, count);
      case FLOAT16 -> {
        for (int n = 0; n < count; n++) {
          segment.set(JAVA_SHORT_UNALIGNED, (position + n) * 2, Float.floatToFloat16(from[n]));
        }
      }
      default -> {
        for (int n = 0; n < count; n++) {
          segment.set(JAVA_SHORT_UNALIGNED, (position + n) * 2, DType.floatToBfloat16(from[n]));
        }
      }
    }
  }

  /** Reads one int32 or int64 element exactly. */
  public static long getLong(MemorySegment segment, DType dtype, long position) {
    return dtype == DType.INT64
        ? segment.get(JAVA_LONG_UNALIGNED, position * 8)
        : (long) get(segment, dtype, position);
  }

  /** Writes one int32 or int64 element exactly. */
  public static void setLong(MemorySegment segment, DType dtype, long position, long value) {
    if (dtype == DType.INT64) {
      segment.set(JAVA_LONG_UNALIGNED, position * 8, value);
    } else {
      set(segment, dtype, position, (double) value);
    }
  }

  /** Writes one element. */
  public static void set(MemorySegment segment, DType dtype, long position, double value) {
    switch (dtype) {
      case FLOAT32 -> segment.set(JAVA_FLOAT_UNALIGNED, position * 4, (float) value);
      case FLOAT16 -> segment.set(JAVA_SHORT_UNALIGNED, position * 2, toFloat16(value));
      case BFLOAT16 ->
          segment.set(JAVA_SHORT_UNALIGNED, position * 2, DType.floatToBfloat16(roundToOdd(value)));
      case INT8 ->
          segment.set(
              JAVA_BYTE, position, (byte) Math.clamp((long) value, Byte.MIN_VALUE, Byte.MAX_VALUE));
      case INT32 -> segment.set(JAVA_INT_UNALIGNED, position * 4, (int) value);
      case INT64 -> segment.set(JAVA_LONG_UNALIGNED, position * 8, (long) value);
      case BOOL -> segment.set(JAVA_BYTE, position, (byte) (value != 0 ? 1 : 0));
    }
  }

  private static short toFloat16(double value) {
    return Float.floatToFloat16(roundToOdd(value));
  }

  /**
   * A float that rounds on to 16 bits as the double itself would: where the double is no float, the
   * float with an odd last bit next to it, so that the second rounding sees no false tie.
   */
  private static float roundToOdd(double value) {
    float nearest = (float) value;
    if (nearest == value || Double.isNaN(value) || Float.isInfinite(nearest)) {
      return nearest;
    }
    int bits = Float.floatToRawIntBits(nearest);
    if ((bits & 1) == 1) {
      return nearest;
    }
    boolean awayFromZero = Math.abs(value) > Math.abs((double) nearest);
    return Float.intBitsToFloat(awayFromZero ? bits + 1 : bits - 1);
  }

  /** Copies a strided block of any rank, converting each element. */
  public static void copy(
      MemorySegment source,
      DType sourceType,
      long sourceOffset,
      long[] sourceStrides,
      MemorySegment target,
      DType targetType,
      long targetOffset,
      long[] targetStrides,
      long[] shape) {
    if (count(shape) == 0) {
      return;
    }
    long[] index = new long[shape.length];
    long from = sourceOffset;
    long to = targetOffset;
    while (true) {
      if (sourceType == DType.INT64 && targetType == DType.INT64) {
        target.set(JAVA_LONG_UNALIGNED, to * 8, getLong(source, sourceType, from));
      } else {
        set(target, targetType, to, get(source, sourceType, from));
      }
      int d = shape.length - 1;
      while (d >= 0 && index[d] == shape[d] - 1) {
        from -= index[d] * sourceStrides[d];
        to -= index[d] * targetStrides[d];
        index[d--] = 0;
      }
      if (d < 0) {
        return;
      }
      index[d]++;
      from += sourceStrides[d];
      to += targetStrides[d];
    }
  }
}
