/**
 * A small x86-64 assembler: what the kernels need, written as machine code into pages that are
 * first writable, then executable, never both.
 */
@NullMarked
package io.github.attn4j.cpu.asm;

import org.jspecify.annotations.NullMarked;
