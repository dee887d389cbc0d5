package io.github.attn4j.cpu.asm.sim;

/** An instruction, decoded, ready to be executed any number of times. */
interface Step {
  /** Executes it; {@code next} of the machine already stands behind it. */
  void run(Machine m);
}
