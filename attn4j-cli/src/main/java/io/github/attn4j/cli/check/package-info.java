/** The tolerance rule and the plain computation it measures against. */
@NullMarked
package io.github.attn4j.cli.check;

import org.jspecify.annotations.NullMarked;
