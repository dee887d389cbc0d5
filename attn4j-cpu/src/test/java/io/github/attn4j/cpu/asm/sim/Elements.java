package io.github.attn4j.cpu.asm.sim;

/** Elements of 1 to 8 bytes in words of 32 bits, the lowest first. */
@SuppressWarnings("OperatorPrecedence") // Bit fields put together with | and shifts.
final class Elements {
  private Elements() {}

  /** An element, without sign. */
  static long get(int[] v, int at, int bytes, int e) {
    if (bytes == 8) {
      return v[at + 2 * e] & 0xFFFFFFFFL | (long) v[at + 2 * e + 1] << 32;
    }
    int bit = e * bytes * 8;
    long word = (v[at + bit / 32] & 0xFFFFFFFFL) >>> bit % 32;
    return word & (1L << bytes * 8) - 1;
  }

  /** Sets an element to the low bits of a value. */
  static void set(int[] v, int at, int bytes, int e, long value) {
    if (bytes == 8) {
      v[at + 2 * e] = (int) value;
      v[at + 2 * e + 1] = (int) (value >>> 32);
      return;
    }
    int bit = e * bytes * 8;
    int low = (int) ((1L << bytes * 8) - 1);
    int w = at + bit / 32;
    v[w] = v[w] & ~(low << bit % 32) | ((int) value & low) << bit % 32;
  }
}
