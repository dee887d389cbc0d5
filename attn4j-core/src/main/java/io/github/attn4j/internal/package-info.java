/**
 * What no one outside core sees: validation, layouts, choosing a backend, dropout, merging, the
 * reference.
 */
@NullMarked
package io.github.attn4j.internal;

import org.jspecify.annotations.NullMarked;
