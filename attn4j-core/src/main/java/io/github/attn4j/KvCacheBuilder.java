package io.github.attn4j;

/** Collects the sizes of a {@link KvCache}. Made by {@link KvCache#builder}. */
public final class KvCacheBuilder {
  private int pages;
  private int pageSize = 128;
  private int kvHeads;
  private int headDim;
  private int valueDim;
  private KvCacheStorage storage = KvCacheStorage.FLOAT32;

  KvCacheBuilder() {}

  /**
   * How many pages there are, for all sequences together.
   *
   * @param count at least 1
   * @return this
   */
  public KvCacheBuilder pages(int count) {
    pages = count;
    return this;
  }

  /**
   * How many tokens a page holds; 128 unless given. Small pages waste less behind the end of a
   * sequence, large ones make shorter block tables and longer runs to read.
   *
   * @param tokens at least 1
   * @return this
   */
  public KvCacheBuilder pageSize(int tokens) {
    pageSize = tokens;
    return this;
  }

  /**
   * The heads.
   *
   * @param keyValueHeads key and value heads
   * @return this
   */
  public KvCacheBuilder heads(int keyValueHeads) {
    kvHeads = keyValueHeads;
    return this;
  }

  /**
   * The columns of a head.
   *
   * @param keyColumns columns of a key, and of a query
   * @param valueColumns columns of a value
   * @return this
   */
  public KvCacheBuilder dims(int keyColumns, int valueColumns) {
    headDim = keyColumns;
    valueDim = valueColumns;
    return this;
  }

  /**
   * How numbers are stored; FLOAT32 unless given.
   *
   * @param value dtype or bits
   * @return this
   */
  public KvCacheBuilder storage(KvCacheStorage value) {
    storage = value;
    return this;
  }

  /**
   * Allocates the pages.
   *
   * @return a cache without sequences, for the caller to close
   * @throws RefusedException naming {@code pages}, {@code pageSize}, {@code kvHeads}, {@code
   *     headDim} or {@code valueDim} if it is less than 1
   * @throws OutOfMemoryError if the machine has not enough memory for them
   */
  public KvCache build() {
    return new KvCache(new KvCacheSizes(pages, pageSize, kvHeads, headDim, valueDim, storage));
  }
}
