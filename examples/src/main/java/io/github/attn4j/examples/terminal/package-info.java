/** What the examples show while they work. */
@NullMarked
package io.github.attn4j.examples.terminal;

import org.jspecify.annotations.NullMarked;
