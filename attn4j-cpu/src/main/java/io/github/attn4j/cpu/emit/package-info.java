/** The kernels, emitted as machine code. */
@NullMarked
package io.github.attn4j.cpu.emit;

import org.jspecify.annotations.NullMarked;
