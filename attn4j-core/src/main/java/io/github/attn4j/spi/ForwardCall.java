package io.github.attn4j.spi;

import org.jspecify.annotations.Nullable;

/**
 * The tensors of one forward call, as rows.
 *
 * @param query (entry, head, row, headDim)
 * @param key rows of headDim columns
 * @param value rows of valueDim columns
 * @param bias what joins the scores; or null
 * @param sink one logit per head; or null
 * @param dropout which probabilities are dropped; or null
 * @param out (entry, head, row, valueDim), to be written
 * @param lse float32 (entry, head, row, 1), to be written
 * @param rowMax float32 (entry, head, row, 1), to be written; or null
 * @param rowSum float32 (entry, head, row, 1), to be written where rowMax is; or null
 * @param maxLogit float32 (1, head, 1, 1), the largest visible score of each head, to be written;
 *     or null
 */
public record ForwardCall(
    Rows query,
    KeyRows key,
    KeyRows value,
    @Nullable BiasSource bias,
    float @Nullable [] sink,
    @Nullable DropoutBits dropout,
    Rows out,
    Rows lse,
    @Nullable Rows rowMax,
    @Nullable Rows rowSum,
    @Nullable Rows maxLogit) {}
