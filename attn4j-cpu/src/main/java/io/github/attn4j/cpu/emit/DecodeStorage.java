package io.github.attn4j.cpu.emit;

/** How the kernels of a decode find keys or values in memory. */
public enum DecodeStorage {
  /** float32. */
  FLOAT32(4, 1),
  /** The upper halves of float32. */
  BFLOAT16(2, 2),
  /** IEEE binary16. */
  FLOAT16(2, 1),
  /** Signed bytes, times one factor per key. */
  INT8_BY_KEY(1, 4),
  /** Signed bytes, times one factor per column. */
  INT8_BY_COLUMN(1, 4);

  /** Bytes of an element. */
  final int bytes;

  /** Neighbouring columns that are transposed as one 32-bit element, and told apart behind that. */
  final int packed;

  DecodeStorage(int bytes, int packed) {
    this.bytes = bytes;
    this.packed = packed;
  }

  boolean integers() {
    return bytes == 1;
  }
}
