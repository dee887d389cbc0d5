package io.github.attn4j;

import org.jspecify.annotations.Nullable;

/**
 * The tensors of one call, and what else differs from call to call under one plan.
 *
 * <pre>{@code
 * AttentionInputs inputs = AttentionInputs.of(query, key, value)
 *     .withBias(relativePositions)
 *     .withDropout(Dropout.of(0.1, seed, step));
 * }</pre>
 *
 * <p>Immutable: each {@code with} returns new inputs on the same tensors.
 *
 * @param query in the plan's layout, {@code heads} heads of {@code headDim} columns
 * @param key in the plan's layout, {@code kvHeads} heads of {@code headDim} columns; with a block
 *     table (pages, kvHeads, page size, headDim), whatever the layout
 * @param value in the plan's layout, {@code kvHeads} heads of {@code valueDim} columns; with a
 *     block table (pages, kvHeads, page size, valueDim)
 * @param bias added to the scores, or null
 * @param sink one extra logit per head, floating (heads), or null
 * @param dropout on the probabilities, or null
 * @param storage how key and value are stored, or null for plain tensors
 */
public record AttentionInputs(
    Tensor query,
    Tensor key,
    Tensor value,
    @Nullable Bias bias,
    @Nullable Tensor sink,
    @Nullable Dropout dropout,
    @Nullable Storage storage) {
  /**
   * How key and value are stored. A call with any of these has no backward: pages may be shared,
   * and integers have no gradient.
   *
   * @param blockTable int32 (sequences, pages): page {@code blockTable[b][j / pageSize]} holds key
   *     {@code j} of sequence {@code b}; entries behind a sequence's end are not read; or null for
   *     keys in one piece
   * @param key what the key's integers mean, or null for floating ones
   * @param value what the value's integers mean, or null for floating ones
   */
  public record Storage(
      @Nullable Tensor blockTable, @Nullable Quantization key, @Nullable Quantization value) {}

  /**
   * Query, key and value alone.
   *
   * @param query in the plan's layout
   * @param key in the plan's layout
   * @param value in the plan's layout
   * @return the inputs
   */
  public static AttentionInputs of(Tensor query, Tensor key, Tensor value) {
    return new AttentionInputs(query, key, value, null, null, null, null);
  }

  /**
   * The same call with a dense bias.
   *
   * @param tensor floating (sequences or 1, heads or 1, rows or 1, keys or 1), or null for none
   * @return new inputs
   */
  public AttentionInputs withBias(@Nullable Tensor tensor) {
    return withBias(tensor == null ? (Bias) null : Bias.dense(tensor));
  }

  /**
   * The same call with a bias.
   *
   * @param values any kind, or null for none
   * @return new inputs
   */
  public AttentionInputs withBias(@Nullable Bias values) {
    return new AttentionInputs(query, key, value, values, sink, dropout, storage);
  }

  /**
   * The same call with sinks.
   *
   * @param tensor floating (heads), or null for none
   * @return new inputs
   */
  public AttentionInputs withSink(@Nullable Tensor tensor) {
    return new AttentionInputs(query, key, value, bias, tensor, dropout, storage);
  }

  /**
   * The same call with dropout.
   *
   * @param options probability and source of randomness, or null for none
   * @return new inputs
   */
  public AttentionInputs withDropout(@Nullable Dropout options) {
    return new AttentionInputs(query, key, value, bias, sink, options, storage);
  }

  /**
   * The same call over key and value as a cache stores them.
   *
   * @param storage pages and quantisation, or null for plain tensors
   * @return new inputs
   */
  public AttentionInputs withStorage(@Nullable Storage storage) {
    return new AttentionInputs(query, key, value, bias, sink, dropout, storage);
  }
}
