package io.github.attn4j;

import org.jspecify.annotations.Nullable;

/**
 * What the backward returns; each gradient has the shape and layout of its input.
 *
 * @param query gradient of the query, the plan's dtype
 * @param key gradient of the key, summed over the heads of a group
 * @param value gradient of the value, summed over the heads of a group
 * @param bias gradient of the bias's parameter, of its shape, float32; null without a bias
 * @param sink gradient of the sink, float32 (heads); null without a sink
 */
public record AttentionGradients(
    Tensor query, Tensor key, Tensor value, @Nullable Tensor bias, @Nullable Tensor sink) {}
