package io.github.attn4j.spi;

import org.jspecify.annotations.Nullable;

/**
 * The tensors of one backward call, as rows.
 *
 * @param forward the forward call with its results; {@code maxLogit} is ignored
 * @param dout gradient of the output (entry, head, row, valueDim)
 * @param dquery to be written, like query
 * @param dkey to be written, like key
 * @param dvalue to be written, like value
 * @param dbias float32, like bias with stride 0 along broadcast dimensions, zeroed; to be added to;
 *     or null
 * @param dsink one number per head, to be written; or null
 */
public record BackwardCall(
    ForwardCall forward,
    Rows dout,
    Rows dquery,
    Rows dkey,
    Rows dvalue,
    @Nullable Rows dbias,
    float @Nullable [] dsink) {}
