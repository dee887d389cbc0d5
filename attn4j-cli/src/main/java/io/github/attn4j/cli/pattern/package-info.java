/** FlashMask's patterns by name, as the command line and the page of masks take them. */
@NullMarked
package io.github.attn4j.cli.pattern;

import org.jspecify.annotations.NullMarked;
