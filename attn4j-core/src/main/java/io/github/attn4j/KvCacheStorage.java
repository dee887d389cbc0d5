package io.github.attn4j;

/**
 * How the numbers of a {@link KvCache} are stored. Integers stand for numbers by one float32 scale
 * for each token and kvHead (symmetric: no offset), off by at most half that scale: the row's
 * largest magnitude over 127, or over 7. A row with a NaN or an infinity in it comes back as NaN.
 */
public enum KvCacheStorage {
  /** Exact. */
  FLOAT32(DType.FLOAT32, 0),
  /** Rounded to nearest even; infinite beyond 65504. */
  FLOAT16(DType.FLOAT16, 0),
  /** Rounded to nearest even. */
  BFLOAT16(DType.BFLOAT16, 0),
  /** Eight bits an element, and the row's scale. */
  INT8(DType.INT8, 8),
  /** Four bits an element, and the row's scale. */
  INT4(DType.INT8, 4);

  private final DType dtype;
  private final int bits;

  KvCacheStorage(DType dtype, int bits) {
    this.dtype = dtype;
    this.bits = bits;
  }

  /**
   * The dtype of the pages.
   *
   * @return what {@link AttentionSpec.Builder#kvDtype} is told
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * The bits of an integer.
   *
   * @return 8 or 4; 0 for floating storage
   */
  public int bits() {
    return bits;
  }
}
