package io.github.attn4j.cpu.kernel;

/**
 * The elements of a block of rows that are NaN or infinite: where they stand, and their values.
 *
 * <p>Where a block is the right-hand side of a product with probabilities, masked elements count
 * with probability zero, and zero times NaN is NaN. So such elements are replaced by zeros there
 * and kept aside, to be added to those that see them.
 */
record Strays(int count, int[] rows, int[] columns, float[] values) {}
