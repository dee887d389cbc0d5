package io.github.attn4j.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/** The pages of a cache's keys, or of its values, and what goes into them and comes out. */
public final class KvCachePlane {
  private final int dim;
  private final Tensor pages;
  private final @Nullable Quantization quantization;
  private final Rows rows;

  /** The row on its way from one dtype to another. */
  private final float[] line;

  private final int[] integers;

  /**
   * Takes the memory of all pages.
   *
   * @param shape (pages, kvHeads, pageSize, dim)
   * @param dtype floating, or INT8 with bits
   * @param bits of an integer: 8, 4, or 0 for floating dtypes
   */
  public KvCachePlane(SegmentAllocator memory, long[] shape, DType dtype, int bits) {
    dim = Math.toIntExact(shape[3]);
    pages = take(memory, dtype, shape[0], shape[1], shape[2], columns(dim, bits));
    quantization =
        bits == 0
            ? null
            : new Quantization(
                bits, take(memory, DType.FLOAT32, shape[0], shape[1], shape[2], 1), null);
    rows = Rows.of(pages);
    line = new float[dim];
    integers = new int[dim + 1];
  }

  /** What {@link #KvCachePlane} will ask its memory for. */
  public static long bytes(long[] shape, DType dtype, int bits) {
    long rows = Elements.count(shape[0], shape[1], shape[2]);
    long numbers = aligned(Elements.bytes(dtype, rows, columns((int) shape[3], bits)));
    return bits == 0 ? numbers : numbers + aligned(Elements.bytes(DType.FLOAT32, rows));
  }

  private static long columns(int dim, int bits) {
    return bits == 4 ? Math.ceilDiv(dim, 2) : dim;
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, 64L) * 64;
  }

  private static Tensor take(SegmentAllocator memory, DType dtype, long... shape) {
    return Tensor.of(memory.allocate(aligned(Elements.bytes(dtype, shape)), 64), dtype, shape);
  }

  /** (pages, kvHeads, pageSize, columns). */
  public Tensor pages() {
    return pages;
  }

  /** What the integers stand for; null for floating pages. */
  public @Nullable Quantization quantization() {
    return quantization;
  }

  /** Stores one token: (tokens, kvHeads, dim) of any floating dtype. */
  public void write(Tensor source, long token, int page, int row) {
    for (int h = 0; h < pages.dim(1); h++) {
      long from = source.offset() + token * source.stride(0) + h * source.stride(1);
      long to = rows.at(page, h, row);
      if (quantization == null && source.dtype() == pages.dtype() && source.stride(2) == 1) {
        copy(source.segment(), from, pages.segment(), to, dim, pages.dtype());
        continue;
      }
      Elements.read(source.segment(), source.dtype(), from, source.stride(2), dim, line);
      if (quantization == null) {
        Elements.write(pages.segment(), pages.dtype(), to, dim, line);
      } else {
        float scale = quantise(quantization.bits() == 8 ? 127 : 7);
        quantization.scale().set(scale, page, h, row, 0);
        writeIntegers(quantization.bits(), to);
      }
    }
  }

  /** Turns the line into integers and returns the number that one of them stands for. */
  private float quantise(int levels) {
    float most = 0;
    for (int c = 0; c < dim; c++) {
      most = Math.max(most, Math.abs(line[c]));
    }
    float scale = scale(most, levels);
    for (int c = 0; c < dim; c++) {
      // Zero over a scale of zero is NaN, whose integer is zero.
      integers[c] = (int) Math.rint(line[c] / (double) scale);
    }
    return scale;
  }

  /**
   * The largest magnitude over the levels, rounded down, so that the largest float32 does not come
   * back as infinity; up only among the subnormal ones, where the integer would leave its range.
   */
  private static float scale(float most, int levels) {
    if (!Float.isFinite(most)) {
      return Float.NaN;
    }
    float scale = (float) (most / (double) levels);
    if (scale * (double) levels > most) {
      scale = Math.nextDown(scale);
    }
    return Math.rint(most / (double) scale) > levels ? Math.nextUp(scale) : scale;
  }

  private void writeIntegers(int bits, long to) {
    if (bits == 8) {
      for (int c = 0; c < dim; c++) {
        pages.segment().set(JAVA_BYTE, to + c, (byte) integers[c]);
      }
    } else {
      for (int c = 0; c < dim; c += 2) {
        pages
            .segment()
            .set(JAVA_BYTE, to + c / 2, (byte) ((integers[c] & 15) | (integers[c + 1] << 4)));
      }
    }
  }

  /** Copies the first rows of a page over those of another. */
  public void copy(int from, int to, int count) {
    for (int h = 0; h < pages.dim(1); h++) {
      copyRows(pages, rows, from, to, h, count);
      if (quantization != null) {
        copyRows(quantization.scale(), Rows.of(quantization.scale()), from, to, h, count);
      }
    }
  }

  private static void copyRows(Tensor tensor, Rows rows, int from, int to, int h, int count) {
    long elements = count * tensor.dim(3);
    MemorySegment segment = tensor.segment();
    copy(segment, rows.at(from, h, 0), segment, rows.at(to, h, 0), elements, tensor.dtype());
  }

  private static void copy(
      MemorySegment source, long from, MemorySegment target, long to, long elements, DType dtype) {
    int bytes = dtype.bytes();
    MemorySegment.copy(source, from * bytes, target, to * bytes, elements * bytes);
  }

  /** The tokens that lie in these pages, as numbers: float32 (tokens, kvHeads, dim). */
  public Tensor read(int[] table, int length) {
    KeyRows keys =
        new KeyRows(
            rows,
            new int[][] {table},
            (int) pages.dim(2),
            quantization == null ? null : Rows.of(quantization.scale().expand(expanded())),
            null,
            quantization != null && quantization.bits() == 4);
    Tensor numbers = Tensor.zeros(DType.FLOAT32, length, pages.dim(1), dim);
    for (int j = 0; j < length; j++) {
      for (int h = 0; h < pages.dim(1); h++) {
        double[] row =
            KeyStorage.read(keys, table[j / keys.pageSize()], h, j % keys.pageSize(), dim);
        for (int c = 0; c < dim; c++) {
          long at = (j * pages.dim(1) + h) * dim + c;
          numbers.segment().set(JAVA_FLOAT_UNALIGNED, at * Float.BYTES, (float) row[c]);
        }
      }
    }
    return numbers;
  }

  private long[] expanded() {
    return new long[] {pages.dim(0), pages.dim(1), pages.dim(2), dim};
  }
}
