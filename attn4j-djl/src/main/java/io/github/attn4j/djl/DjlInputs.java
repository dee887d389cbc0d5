package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.attn4j.Bias;
import io.github.attn4j.Dropout;
import io.github.attn4j.Tensor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The arrays of one call, which stay the caller's.
 *
 * @param query in the plan's layout, {@code heads} heads of {@code headDim} columns
 * @param key in the plan's layout, {@code kvHeads} heads of {@code headDim} columns
 * @param value in the plan's layout, {@code kvHeads} heads of {@code valueDim} columns
 * @param bias added to the scores, or null
 * @param sink one extra logit per head, floating (heads), or null
 * @param dropout on the probabilities, or null
 * @param manager what new arrays are attached to, or null for the query's manager
 */
public record DjlInputs(
    NDArray query,
    NDArray key,
    NDArray value,
    @Nullable DjlBias bias,
    @Nullable NDArray sink,
    @Nullable Dropout dropout,
    @Nullable NDManager manager) {

  /**
   * Query, key and value alone.
   *
   * @param query in the plan's layout
   * @param key in the plan's layout
   * @param value in the plan's layout
   * @return the inputs
   */
  public static DjlInputs of(NDArray query, NDArray key, NDArray value) {
    return new DjlInputs(query, key, value, null, null, null, null);
  }

  /**
   * The same call with a dense bias.
   *
   * @param array floating (sequences or 1, heads or 1, rows or 1, keys or 1), or null for none
   * @return new inputs
   */
  public DjlInputs withBias(@Nullable NDArray array) {
    return withBias(array == null ? null : new DjlBias(array, Bias::dense));
  }

  /**
   * The same call with a bias of any kind, for example {@code slopes -> Bias.alibi(slopes,
   * Alignment.BOTTOM_RIGHT)}.
   *
   * @param parameter floating, in the shape the kind asks for
   * @param kind makes a bias of the parameter
   * @return new inputs
   */
  public DjlInputs withBias(NDArray parameter, Function<Tensor, Bias> kind) {
    return withBias(new DjlBias(parameter, kind));
  }

  private DjlInputs withBias(@Nullable DjlBias values) {
    return new DjlInputs(query, key, value, values, sink, dropout, manager);
  }

  /**
   * The same call with sinks.
   *
   * @param array floating (heads), or null for none
   * @return new inputs
   */
  public DjlInputs withSink(@Nullable NDArray array) {
    return new DjlInputs(query, key, value, bias, array, dropout, manager);
  }

  /**
   * The same call with dropout.
   *
   * @param options probability and source of randomness, or null for none
   * @return new inputs
   */
  public DjlInputs withDropout(@Nullable Dropout options) {
    return new DjlInputs(query, key, value, bias, sink, options, manager);
  }

  /**
   * The same call with results attached to this manager.
   *
   * @param owner a manager, or null for the query's
   * @return new inputs
   */
  public DjlInputs withManager(@Nullable NDManager owner) {
    return new DjlInputs(query, key, value, bias, sink, dropout, owner);
  }

  NDManager owner() {
    return manager == null ? query.getManager() : manager;
  }
}
