/** Measures peers in turn, and keeps what was measured as JSON lines. */
@NullMarked
package io.github.attn4j.bench.measure;

import org.jspecify.annotations.NullMarked;
