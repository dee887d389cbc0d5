/**
 * A simulator for emitted code, driven by the text of an independent disassembler: the judge of
 * kernels whose instructions the machine at hand does not have.
 */
@NullMarked
package io.github.attn4j.cpu.asm.sim;

import org.jspecify.annotations.NullMarked;
