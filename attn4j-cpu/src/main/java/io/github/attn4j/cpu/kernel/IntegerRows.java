package io.github.attn4j.cpu.kernel;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;

/**
 * Reads rows of integers as the numbers they stand for: {@code (integer + offset) * scale}, each
 * step rounded to float32. Quantisation ends here.
 */
final class IntegerRows {
  private IntegerRows() {}

  /**
   * Reads {@code count} neighbouring rows of one head into the rows of {@code w.rows} from {@code
   * first} on, which lie {@code columns} apart.
   */
  static void read(
      KeyRows source,
      long entry,
      int head,
      long row,
      int count,
      int first,
      int columns,
      Workspace w) {
    Rows bytes = source.rows();
    Rows scale = Objects.requireNonNull(source.scale());
    Rows offset = source.offset();
    for (int i = 0; i < count; i++) {
      int start = (first + i) * columns;
      int stored = source.nibbles() ? (columns + 1) / 2 : columns;
      readBytes(bytes, bytes.at(entry, head, row + i), stored, w.bytes);
      if (source.nibbles()) {
        unpack(w.bytes, columns, w.rows, start);
      } else {
        widen(w.bytes, columns, w.rows, start);
      }
      if (offset != null) {
        if (i == 0 || offset.rowStride() != 0) {
          readFactors(offset, offset.at(entry, head, row + i), columns, w.offsets, w.halves);
        }
        add(w.offsets, columns, w.rows, start);
      }
      if (i == 0 || scale.rowStride() != 0) {
        readFactors(scale, scale.at(entry, head, row + i), columns, w.scales, w.halves);
      }
      multiply(w.scales, columns, w.rows, start);
    }
  }

  static void readFactors(Rows rows, long at, int columns, float[] to, short[] halves) {
    if (rows.columnStride() == 0) {
      Arrays.fill(to, 0, columns, RowTransfer.get(rows, at));
    } else {
      RowTransfer.read(rows, at, columns, to, 0, halves);
    }
  }

  private static void readBytes(Rows source, long at, int count, byte[] to) {
    MemorySegment segment = source.segment();
    if (source.columnStride() == 1) {
      MemorySegment.copy(segment, JAVA_BYTE, at, to, 0, count);
    } else {
      for (int c = 0; c < count; c++) {
        to[c] = segment.get(JAVA_BYTE, at + c * source.columnStride());
      }
    }
  }

  private static void widen(byte[] from, int columns, float[] to, int start) {
    for (int c = 0; c < columns; c++) {
      to[start + c] = from[c];
    }
  }

  /** Two integers from a byte, the first from its low half, each with a sign. */
  private static void unpack(byte[] from, int columns, float[] to, int start) {
    for (int c = 0; c < columns / 2; c++) {
      to[start + 2 * c] = from[c] << 28 >> 28;
      to[start + 2 * c + 1] = from[c] >> 4;
    }
    if ((columns & 1) != 0) {
      to[start + columns - 1] = from[columns / 2] << 28 >> 28;
    }
  }

  private static void add(float[] amounts, int columns, float[] to, int start) {
    for (int c = 0; c < columns; c++) {
      to[start + c] += amounts[c];
    }
  }

  private static void multiply(float[] factors, int columns, float[] to, int start) {
    for (int c = 0; c < columns; c++) {
      to[start + c] *= factors[c];
    }
  }
}
