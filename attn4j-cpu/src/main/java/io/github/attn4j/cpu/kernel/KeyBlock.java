package io.github.attn4j.cpu.kernel;

import io.github.attn4j.Sequences;

/**
 * Where the keys of one tile stand.
 *
 * @param sequences the sequences of the call
 * @param b which of them
 * @param head key/value head
 * @param first first key within the sequence
 * @param count how many keys
 */
record KeyBlock(Sequences sequences, int b, int head, int first, int count) {}
