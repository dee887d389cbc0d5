package io.github.attn4j.cpu.asm.sim;

/** What an instruction computes, all lanes of it. */
interface Kernel {
  /**
   * Computes into a register of its own: none of the others is changed.
   *
   * @param v all vector registers, words of 32 bits, the lowest first
   * @param to where the result goes
   * @param old where the destination's value stands
   * @param a where the first source stands
   * @param b where the second source stands, if there is one
   * @param words of 32 bits in the widest operand
   */
  void apply(int[] v, int to, int old, int a, int b, int words);
}
