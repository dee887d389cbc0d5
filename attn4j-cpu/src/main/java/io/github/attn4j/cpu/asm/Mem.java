package io.github.attn4j.cpu.asm;

import org.jspecify.annotations.Nullable;

/**
 * A place in memory: {@code base + index * scale + displacement}.
 *
 * @param base register
 * @param index register other than rsp, or null
 * @param scale 1, 2, 4 or 8
 * @param displacement in bytes
 * @param broadcast whether a vector instruction reads one element from there for all lanes
 */
public record Mem(Gpr base, @Nullable Gpr index, int scale, int displacement, boolean broadcast) {
  /** Checks index and scale. */
  public Mem {
    if (index == Gpr.RSP || Integer.bitCount(scale) != 1 || scale < 1 || scale > 8) {
      throw new IllegalArgumentException("index %s times %d".formatted(index, scale));
    }
  }

  /**
   * The place a register points to.
   *
   * @param base register
   * @param displacement in bytes
   * @return the place
   */
  public static Mem at(Gpr base, int displacement) {
    return new Mem(base, null, 1, displacement, false);
  }

  /**
   * An element of an array.
   *
   * @param base register
   * @param index register
   * @param scale bytes of an element
   * @param displacement in bytes
   * @return the place
   */
  public static Mem at(Gpr base, Gpr index, int scale, int displacement) {
    return new Mem(base, index, scale, displacement, false);
  }

  /**
   * The same place, read once for all lanes.
   *
   * @return the operand
   */
  public Mem toAllLanes() {
    return new Mem(base, index, scale, displacement, true);
  }
}
