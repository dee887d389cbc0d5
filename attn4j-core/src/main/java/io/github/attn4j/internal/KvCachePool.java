package io.github.attn4j.internal;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;

/** All pages of a cache in one native block: its keys, its values and their scales. */
public final class KvCachePool implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final long bytes;
  private final int pageSize;
  private final KvCachePlane key;
  private final KvCachePlane value;

  /**
   * Allocates the block, zeroed.
   *
   * @param rows (pages, kvHeads, pageSize)
   */
  public KvCachePool(long[] rows, int headDim, int valueDim, DType dtype, int bits) {
    long[] keyShape = {rows[0], rows[1], rows[2], headDim};
    long[] valueShape = {rows[0], rows[1], rows[2], valueDim};
    bytes = KvCachePlane.bytes(keyShape, dtype, bits) + KvCachePlane.bytes(valueShape, dtype, bits);
    pageSize = Math.toIntExact(rows[2]);
    SegmentAllocator block = SegmentAllocator.slicingAllocator(arena.allocate(bytes, 64));
    key = new KvCachePlane(block, keyShape, dtype, bits);
    value = new KvCachePlane(block, valueShape, dtype, bits);
  }

  /** Writes new tokens where a sequence grows; nothing that anybody sees changes. */
  public void write(KvCachePages.Growth growth, Tensor newKey, Tensor newValue) {
    int first = growth.length();
    if (growth.copies()) {
      int target = growth.page(first - 1);
      key.copy(growth.shared(), target, first % pageSize);
      value.copy(growth.shared(), target, first % pageSize);
    }
    for (int t = 0; t < newKey.dim(0); t++) {
      int page = growth.page(first + t);
      key.write(newKey, t, page, (first + t) % pageSize);
      value.write(newValue, t, page, (first + t) % pageSize);
    }
  }

  /** The keys. */
  public KvCachePlane key() {
    return key;
  }

  /** The values. */
  public KvCachePlane value() {
    return value;
  }

  /** The size of the block. */
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    arena.close();
  }
}
