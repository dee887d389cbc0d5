package io.github.attn4j;

import io.github.attn4j.internal.Merge;
import org.jspecify.annotations.Nullable;

/**
 * Output and lse of a call, or of a part of one.
 *
 * <p>Results over disjoint keys form an algebra: {@link #merge} joins two of them exactly, in any
 * order and grouping; a part that saw nothing (output 0, lse negative infinity) changes nothing.
 *
 * @param out the output in the plan's layout, {@code valueDim} columns per head
 * @param lse natural logarithm of the sum of the exponentials of the visible scores (and the sink),
 *     float32: (batch, heads, seqlenQ), or (heads, tokens) for ragged sequences; negative infinity
 *     where a row sees nothing
 * @param maxLogit the largest visible score of each head over the whole batch, float32 (heads),
 *     natural units, negative infinity where a head sees nothing; null unless the spec asked for it
 * @param stats what the lse is made of; null unless the spec asked for it
 * @param layout the layout of {@code out}
 */
public record AttentionResult(
    Tensor out,
    Tensor lse,
    @Nullable Tensor maxLogit,
    @Nullable SoftmaxStats stats,
    Layout layout) {
  /**
   * A result without stats.
   *
   * @param out the output
   * @param lse the lse
   * @param maxLogit the largest scores, or null
   * @param layout the layout of {@code out}
   */
  public AttentionResult(Tensor out, Tensor lse, @Nullable Tensor maxLogit, Layout layout) {
    this(out, lse, maxLogit, null, layout);
  }

  /**
   * Joins this result with one over other keys of the same queries. If the call has a sink, exactly
   * one of the parts may carry it. The largest logits and the stats are joined if both parts have
   * them.
   *
   * @param other a result of the same shape, dtype and layout
   * @return the result over both sets of keys, new tensors
   * @throws RefusedException if shapes, dtypes or layouts differ
   */
  public AttentionResult merge(AttentionResult other) {
    return Merge.merge(this, other);
  }
}
