/** Tests. */
@NullMarked
package io.github.attn4j.cli.check;

import org.jspecify.annotations.NullMarked;
