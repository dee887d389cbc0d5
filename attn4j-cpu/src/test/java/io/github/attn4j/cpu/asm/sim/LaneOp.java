package io.github.attn4j.cpu.asm.sim;

import java.util.function.IntFunction;

/**
 * A vector instruction.
 *
 * @param kernel what it computes, given its immediate
 * @param element bytes of an element of the result: masks count in these
 * @param lane bytes that an element takes in the widest operand
 * @param elements of the result; 0 for as many as lanes
 * @param whole whether it reads all of an operand in memory even where a mask leaves lanes out
 */
record LaneOp(IntFunction<Kernel> kernel, int element, int lane, int elements, boolean whole) {
  /** Each lane of 32 bits on its own. */
  static LaneOp each(Kernel kernel) {
    return new LaneOp(immediate -> kernel, 4, 4, 0, false);
  }

  /** Each lane of 32 bits on its own, with a constant. */
  static LaneOp each(IntFunction<Kernel> kernel) {
    return new LaneOp(kernel, 4, 4, 0, false);
  }

  /** Elements that go to other lanes. */
  static LaneOp moving(int element, IntFunction<Kernel> kernel) {
    return new LaneOp(kernel, element, element, 0, true);
  }

  /** Lanes of 32 bits that become 16. */
  static LaneOp narrowing(IntFunction<Kernel> kernel) {
    return new LaneOp(kernel, 2, 4, 0, false);
  }
}
