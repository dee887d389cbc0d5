package io.github.attn4j.spi;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * A tensor seen as rows: for each batch entry, head and row a line of columns. Only strides are
 * left of its layout. All numbers are elements from the segment's start.
 *
 * @param segment the memory
 * @param dtype the type of the elements
 * @param offset position of the first element
 * @param entryStride distance between batch entries
 * @param headStride distance between heads
 * @param rowStride distance between rows
 * @param columnStride distance between columns
 */
public record Rows(
    MemorySegment segment,
    DType dtype,
    long offset,
    long entryStride,
    long headStride,
    long rowStride,
    long columnStride) {
  /**
   * Views a tensor of rank 4 whose dimensions stand as (entry, head, row, column).
   *
   * @param tensor the tensor
   * @return its rows
   */
  public static Rows of(Tensor tensor) {
    return new Rows(
        tensor.segment(),
        tensor.dtype(),
        tensor.offset(),
        tensor.stride(0),
        tensor.stride(1),
        tensor.stride(2),
        tensor.stride(3));
  }

  /**
   * Where a row starts.
   *
   * @param entry the batch entry
   * @param head the head
   * @param row the row
   * @return position of its first column
   */
  public long at(long entry, long head, long row) {
    return offset + entry * entryStride + head * headStride + row * rowStride;
  }
}
