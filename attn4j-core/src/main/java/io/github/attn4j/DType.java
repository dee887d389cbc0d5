package io.github.attn4j;

/** The element type of a {@link Tensor}. */
public enum DType {
  /** IEEE 754 binary32. */
  FLOAT32(4, true),
  /** IEEE 754 binary16. */
  FLOAT16(2, true),
  /** The upper half of a binary32: 8 exponent bits, 7 stored mantissa bits. */
  BFLOAT16(2, true),
  /** Signed 8-bit integer. */
  INT8(1, false),
  /** Signed 32-bit integer. */
  INT32(4, false),
  /** Signed 64-bit integer. */
  INT64(8, false),
  /** One byte per element; zero is false, anything else is true. */
  BOOL(1, false);

  private final int bytes;
  private final boolean floating;

  DType(int bytes, boolean floating) {
    this.bytes = bytes;
    this.floating = floating;
  }

  /**
   * Size of one element.
   *
   * @return bytes per element
   */
  public int bytes() {
    return bytes;
  }

  /**
   * Whether this is one of the three floating-point types, the ones attention computes with.
   *
   * @return true for FLOAT32, FLOAT16 and BFLOAT16
   */
  public boolean isFloating() {
    return floating;
  }

  /**
   * Widens a bfloat16; exact.
   *
   * @param bits the sixteen bits
   * @return the same number as a float
   */
  public static float bfloat16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /**
   * Rounds a float to the nearest bfloat16, ties to even. NaN stays NaN, overflow becomes infinity.
   *
   * @param value the number to round
   * @return the sixteen bits
   */
  public static short floatToBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    // NaN first: the carry of the rounding could otherwise turn it into an infinity. 0x40 keeps it
    // quiet.
    if ((bits & 0x7fffffff) > 0x7f800000) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }
}
