package io.github.attn4j.spi;

import org.jspecify.annotations.Nullable;

/**
 * The tensors of one forward call, as rows.
 *
 * @param query (entry, head, row, headDim)
 * @param key (entry, kvHead, row, headDim)
 * @param value (entry, kvHead, row, valueDim)
 * @param bias (sequence, head, row, key), broadcast dimensions with stride 0; or null
 * @param sink one logit per head; or null
 * @param dropout which probabilities are dropped; or null
 * @param out (entry, head, row, valueDim), to be written
 * @param lse float32 (entry, head, row, 1), to be written
 * @param maxLogit float32 (1, head, 1, 1), the largest visible score of each head, to be written;
 *     or null
 */
public record ForwardCall(
    Rows query,
    Rows key,
    Rows value,
    @Nullable Rows bias,
    float @Nullable [] sink,
    @Nullable DropoutBits dropout,
    Rows out,
    Rows lse,
    @Nullable Rows maxLogit) {}
