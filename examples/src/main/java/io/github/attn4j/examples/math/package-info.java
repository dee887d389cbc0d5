/**
 * What a model needs around attention: products of matrices and the threads that share them.
 * Matrices are plain row-major arrays of float32.
 */
@NullMarked
package io.github.attn4j.examples.math;

import org.jspecify.annotations.NullMarked;
