/** Tests. */
@NullMarked
package io.github.attn4j.cli.capture;

import org.jspecify.annotations.NullMarked;
