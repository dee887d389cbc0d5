package io.github.attn4j.operators;

/**
 * All sizes of a step.
 *
 * @param shape those of the query
 * @param prefix rows of the shared prefix, 0 without
 * @param seqlenK rows of the cache, or what the block table reaches
 * @param starts first row of each sequence's window of the cache
 * @param lengths rows of each sequence's window
 */
record IncreSizes(IncreShape shape, int prefix, int seqlenK, int[] starts, int[] lengths) {}
