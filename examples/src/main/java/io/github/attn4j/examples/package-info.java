/** Whole models on attn4j. Each has a package of its own and a command of {@code bin/example}. */
@NullMarked
package io.github.attn4j.examples;

import org.jspecify.annotations.NullMarked;
