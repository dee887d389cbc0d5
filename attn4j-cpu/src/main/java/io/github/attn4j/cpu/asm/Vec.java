package io.github.attn4j.cpu.asm;

/**
 * A vector register, as wide as an instruction uses it; as a destination, perhaps masked.
 *
 * @param number 0 to 15, with AVX-512 to 31
 * @param bits 128, 256 or 512
 * @param mask the mask register k1 to k7 whose lanes are written; 0 for all lanes
 * @param zeroing whether the other lanes become zero instead of staying
 */
public record Vec(int number, int bits, int mask, boolean zeroing) {
  /** Checks the numbers. */
  public Vec {
    if (number < 0 || number > 31 || mask < 0 || mask > 7) {
      throw new IllegalArgumentException("vector register %d, mask %d".formatted(number, mask));
    }
    if (bits != 128 && bits != 256 && bits != 512) {
      throw new IllegalArgumentException("bits: expected 128, 256 or 512, got " + bits);
    }
  }

  /**
   * A register without a mask.
   *
   * @param number 0 to 31
   * @param bits 128, 256 or 512
   * @return the register
   */
  public static Vec of(int number, int bits) {
    return new Vec(number, bits, 0, false);
  }

  /**
   * The same register in another width.
   *
   * @param width 128, 256 or 512
   * @return the register
   */
  public Vec as(int width) {
    return new Vec(number, width, mask, zeroing);
  }

  /**
   * As a destination of which only the lanes of a mask are written.
   *
   * @param k number of the mask register
   * @return the register
   */
  public Vec where(int k) {
    return new Vec(number, bits, k, false);
  }

  /**
   * As a destination whose lanes outside of a mask become zero.
   *
   * @param k number of the mask register
   * @return the register
   */
  public Vec orZero(int k) {
    return new Vec(number, bits, k, true);
  }
}
