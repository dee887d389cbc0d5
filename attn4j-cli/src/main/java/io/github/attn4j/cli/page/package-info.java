/**
 * Masks you can see: a page that draws a mask, says of every element why it is masked, and gives
 * the mask away as Java and as JSON; served on loopback or saved as one file. All that is computed
 * is computed here; the page's script only draws.
 */
@NullMarked
package io.github.attn4j.cli.page;

import org.jspecify.annotations.NullMarked;
