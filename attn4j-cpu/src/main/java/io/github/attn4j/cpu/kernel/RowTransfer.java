package io.github.attn4j.cpu.kernel;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.github.attn4j.DType;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Moves rows between a tensor of any floating dtype and strides, and plain float arrays: dtypes end
 * here.
 */
final class RowTransfer {
  private RowTransfer() {}

  /** Reads {@code columns} elements of the row at position {@code at}. */
  static void read(Rows source, long at, int columns, float[] to, int start, short[] halves) {
    MemorySegment segment = source.segment();
    long step = source.columnStride();
    if (source.dtype() == DType.FLOAT32) {
      if (step == 1) {
        MemorySegment.copy(segment, JAVA_FLOAT_UNALIGNED, at * 4, to, start, columns);
      } else {
        for (int c = 0; c < columns; c++) {
          to[start + c] = segment.get(JAVA_FLOAT_UNALIGNED, (at + c * step) * 4);
        }
      }
      return;
    }
    if (step == 1) {
      MemorySegment.copy(segment, JAVA_SHORT_UNALIGNED, at * 2, halves, 0, columns);
    } else {
      for (int c = 0; c < columns; c++) {
        halves[c] = segment.get(JAVA_SHORT_UNALIGNED, (at + c * step) * 2);
      }
    }
    if (source.dtype() == DType.FLOAT16) {
      for (int c = 0; c < columns; c++) {
        to[start + c] = Float.float16ToFloat(halves[c]);
      }
    } else {
      for (int c = 0; c < columns; c++) {
        to[start + c] = Float.intBitsToFloat(halves[c] << 16);
      }
    }
  }

  /** Reads a row of integers as the numbers they stand for: {@code (integer + offset) * scale}. */
  static void readIntegers(
      KeyRows source, long entry, int head, long row, int columns, float[] to, int start) {
    Rows bytes = source.rows();
    MemorySegment segment = bytes.segment();
    long at = bytes.at(entry, head, row);
    long step = bytes.columnStride();
    if (source.nibbles()) {
      for (int c = 0; c < columns; c++) {
        byte pair = segment.get(JAVA_BYTE, at + (c >> 1) * step);
        to[start + c] = (c & 1) == 0 ? (byte) (pair << 4) >> 4 : pair >> 4;
      }
    } else {
      for (int c = 0; c < columns; c++) {
        to[start + c] = segment.get(JAVA_BYTE, at + c * step);
      }
    }
    Rows offset = source.offset();
    if (offset != null) {
      long position = offset.at(entry, head, row);
      for (int c = 0; c < columns; c++) {
        to[start + c] += get(offset, position + c * offset.columnStride());
      }
    }
    Rows scale = Objects.requireNonNull(source.scale());
    long position = scale.at(entry, head, row);
    if (scale.columnStride() == 0) {
      float factor = get(scale, position);
      for (int c = 0; c < columns; c++) {
        to[start + c] *= factor;
      }
    } else {
      for (int c = 0; c < columns; c++) {
        to[start + c] *= get(scale, position + c * scale.columnStride());
      }
    }
  }

  /**
   * Writes {@code columns} elements of the row at position {@code at}, rounding to nearest even.
   */
  static void write(Rows target, long at, int columns, float[] from, int start, short[] halves) {
    MemorySegment segment = target.segment();
    long step = target.columnStride();
    if (target.dtype() == DType.FLOAT32) {
      if (step == 1) {
        MemorySegment.copy(from, start, segment, JAVA_FLOAT_UNALIGNED, at * 4, columns);
      } else {
        for (int c = 0; c < columns; c++) {
          segment.set(JAVA_FLOAT_UNALIGNED, (at + c * step) * 4, from[start + c]);
        }
      }
      return;
    }
    if (target.dtype() == DType.FLOAT16) {
      for (int c = 0; c < columns; c++) {
        halves[c] = Float.floatToFloat16(from[start + c]);
      }
    } else {
      for (int c = 0; c < columns; c++) {
        halves[c] = DType.floatToBfloat16(from[start + c]);
      }
    }
    if (step == 1) {
      MemorySegment.copy(halves, 0, segment, JAVA_SHORT_UNALIGNED, at * 2, columns);
    } else {
      for (int c = 0; c < columns; c++) {
        segment.set(JAVA_SHORT_UNALIGNED, (at + c * step) * 2, halves[c]);
      }
    }
  }

  /** Writes one float32 element. */
  static void writeOne(Rows target, long at, float value) {
    target.segment().set(JAVA_FLOAT_UNALIGNED, at * 4, value);
  }

  /** Reads one element. */
  static float get(Rows source, long at) {
    return switch (source.dtype()) {
      case FLOAT32 -> source.segment().get(JAVA_FLOAT_UNALIGNED, at * 4);
      case FLOAT16 -> Float.float16ToFloat(source.segment().get(JAVA_SHORT_UNALIGNED, at * 2));
      default -> DType.bfloat16ToFloat(source.segment().get(JAVA_SHORT_UNALIGNED, at * 2));
    };
  }
}
