/** The command line: {@code run}, {@code mask}, {@code info}, {@code demo}, {@code bench}. */
@NullMarked
package io.github.attn4j.cli;

import org.jspecify.annotations.NullMarked;
