/** Pictures of masks: what is visible, and which tiles that leaves to compute. */
@NullMarked
package io.github.attn4j.cli.picture;

import org.jspecify.annotations.NullMarked;
