/**
 * The attempts at a float32 product for attention, each with what it gained over the one before;
 * attn4j holds the winner. What was tried and lost stays here.
 */
@NullMarked
package io.github.attn4j.bench.ladder;

import org.jspecify.annotations.NullMarked;
