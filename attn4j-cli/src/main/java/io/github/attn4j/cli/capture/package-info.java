/** Captures: one operator call in one safetensors file, read with suspicion, replayed, compared. */
@NullMarked
package io.github.attn4j.cli.capture;

import org.jspecify.annotations.NullMarked;
