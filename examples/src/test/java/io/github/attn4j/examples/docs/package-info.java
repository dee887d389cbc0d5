/** The documentation's code, compiled and run. */
@NullMarked
package io.github.attn4j.examples.docs;

import org.jspecify.annotations.NullMarked;
