/**
 * For backends: the problem they are given, the tile plan they follow, and the two interfaces they
 * implement.
 *
 * <p>A backend is a service ({@link io.github.attn4j.spi.AttentionBackend}). Masks arrive lowered:
 * per key column the query rows that may not see it, as half-open intervals ({@link
 * io.github.attn4j.spi.TileGrid}), plus readers of bits for what has no such form. Layouts arrive
 * as strides ({@link io.github.attn4j.spi.Rows}).
 */
@NullMarked
package io.github.attn4j.spi;

import org.jspecify.annotations.NullMarked;
