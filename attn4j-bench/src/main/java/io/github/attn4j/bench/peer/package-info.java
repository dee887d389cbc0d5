/**
 * Other attention implementations that Java can call, behind one interface, so that they are
 * measured on the same numbers in turn with attn4j.
 */
@NullMarked
package io.github.attn4j.bench.peer;

import org.jspecify.annotations.NullMarked;
