package io.github.attn4j.spi;

import org.jspecify.annotations.Nullable;

/**
 * The tensors of one backward call, as rows.
 *
 * @param forward the forward call with its results, of which output, lse and, if there, rowMax and
 *     rowSum are read; key and value are plain rows
 * @param dout gradient of the output (entry, head, row, valueDim)
 * @param dquery to be written, like query
 * @param dkey to be written, like key
 * @param dvalue to be written, like value
 * @param dbias where the gradient of the bias is summed; or null
 * @param dsink one number per head, to be written; or null
 */
public record BackwardCall(
    ForwardCall forward,
    Rows dout,
    Rows dquery,
    Rows dkey,
    Rows dvalue,
    @Nullable BiasGradient dbias,
    float @Nullable [] dsink) {}
