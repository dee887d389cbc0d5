/** Tests of the examples, of the documentation's code and of what is published. */
@NullMarked
package io.github.attn4j.examples;

import org.jspecify.annotations.NullMarked;
