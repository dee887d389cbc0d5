/** attn4j on DJL's NDArrays. */
@NullMarked
package io.github.attn4j.djl;

import org.jspecify.annotations.NullMarked;
