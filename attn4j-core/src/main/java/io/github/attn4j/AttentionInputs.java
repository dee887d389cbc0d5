package io.github.attn4j;

import org.jspecify.annotations.Nullable;

/**
 * The tensors of one call.
 *
 * @param query in the plan's layout, {@code heads} heads of {@code headDim} columns
 * @param key in the plan's layout, {@code kvHeads} heads of {@code headDim} columns
 * @param value in the plan's layout, {@code kvHeads} heads of {@code valueDim} columns
 * @param bias added to the scores, floating (batch or 1, heads or 1, rows or 1, keys or 1), or null
 * @param sink one extra logit per head, floating (heads), or null
 * @param dropout on the probabilities, or null
 */
public record AttentionInputs(
    Tensor query,
    Tensor key,
    Tensor value,
    @Nullable Tensor bias,
    @Nullable Tensor sink,
    @Nullable Dropout dropout) {
  /**
   * Query, key and value alone.
   *
   * @param query in the plan's layout
   * @param key in the plan's layout
   * @param value in the plan's layout
   * @return the inputs
   */
  public static AttentionInputs of(Tensor query, Tensor key, Tensor value) {
    return new AttentionInputs(query, key, value, null, null, null);
  }

  /**
   * The same call with a bias.
   *
   * @param tensor floating (batch or 1, heads or 1, rows or 1, keys or 1)
   * @return new inputs
   */
  public AttentionInputs withBias(@Nullable Tensor tensor) {
    return new AttentionInputs(query, key, value, tensor, sink, dropout);
  }

  /**
   * The same call with sinks.
   *
   * @param tensor floating (heads)
   * @return new inputs
   */
  public AttentionInputs withSink(@Nullable Tensor tensor) {
    return new AttentionInputs(query, key, value, bias, tensor, dropout);
  }

  /**
   * The same call with dropout.
   *
   * @param options probability and source of randomness
   * @return new inputs
   */
  public AttentionInputs withDropout(@Nullable Dropout options) {
    return new AttentionInputs(query, key, value, bias, sink, options);
  }
}
