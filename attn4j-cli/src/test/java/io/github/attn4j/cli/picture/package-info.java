/** Tests. */
@NullMarked
package io.github.attn4j.cli.picture;

import org.jspecify.annotations.NullMarked;
