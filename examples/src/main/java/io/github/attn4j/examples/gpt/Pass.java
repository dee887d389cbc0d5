package io.github.attn4j.examples.gpt;

/**
 * One run through the model.
 *
 * @param rows how many tokens
 * @param positions of each token in its document
 * @param attention who sees whom
 * @param noise on the residual stream
 */
record Pass<A extends Attend>(int rows, int[] positions, A attention, ResidualDropout noise) {}
