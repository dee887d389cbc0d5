package io.github.attn4j;

import org.jspecify.annotations.Nullable;

/**
 * Dropout on the probabilities: each is kept with probability {@code 1 - p} and then divided by it;
 * the lse is that before dropout.
 *
 * <p>A backward is given the dropout of its forward, and so drops the same ones; calls that are to
 * differ (layers, steps) have offsets that differ.
 *
 * <p>Which are kept comes from Philox4x32-10, counter-based in (sequence, head, query row, key row)
 * under (seed, offset), and so depends neither on tiles nor on threads; or from a caller's own
 * bits.
 *
 * @param p probability of dropping, in [0, 1)
 * @param seed the generator's key
 * @param offset the generator's stream
 * @param keep a caller's bits instead of the generator's, or null: INT8 or BOOL bytes, bit {@code e
 *     & 7} of byte {@code e >> 3} is 1 if element {@code e} is kept, elements counted row-major
 *     over (sequence, head, query, key), each sequence with its own lengths
 */
public record Dropout(double p, long seed, long offset, @Nullable Tensor keep) {
  /**
   * Checks the probability and the dtype of the bits.
   *
   * @throws RefusedException naming {@code dropout} or {@code keep}
   */
  public Dropout {
    if (!(p >= 0 && p < 1)) {
      throw RefusedException.value("dropout", "expected 0 <= p < 1, got " + p);
    }
    if (keep != null && keep.dtype().bytes() != 1) {
      throw RefusedException.type("keep", "expected INT8 or BOOL, got " + keep);
    }
    if (keep != null && !keep.isContiguous()) {
      throw RefusedException.value(
          "keep", "expected contiguous bytes, got " + keep + " with strides");
    }
  }

  /**
   * Dropout by the generator.
   *
   * @param p probability of dropping, in [0, 1)
   * @param seed the generator's key
   * @param offset the generator's stream
   * @return the options
   */
  public static Dropout of(double p, long seed, long offset) {
    return new Dropout(p, seed, offset, null);
  }

  /**
   * Dropout by a caller's bits.
   *
   * @param p probability of dropping the bits were drawn with; what is kept is divided by {@code 1
   *     - p}
   * @param keep packed bits, as {@link Dropout} describes
   * @return the options
   */
  public static Dropout masked(double p, Tensor keep) {
    return new Dropout(p, 0, 0, keep);
  }
}
