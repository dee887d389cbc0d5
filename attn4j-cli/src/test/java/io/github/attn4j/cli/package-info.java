/** Tests of the commands, and of the architecture as a whole. */
@NullMarked
package io.github.attn4j.cli;

import org.jspecify.annotations.NullMarked;
