package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Output and lse of a call; closing it closes its arrays.
 *
 * @param out the output in the plan's layout, {@code valueDim} columns per head
 * @param lse natural logarithm of the sum of the exponentials of the visible scores (and the sink),
 *     float32: (batch, heads, seqlenQ), or (heads, tokens) for ragged sequences; negative infinity
 *     where a row sees nothing
 * @param maxLogit the largest visible score of each head, float32 (heads); null unless the spec
 *     asked for it
 * @param rowMax largest score of each row, float32, shaped like the lse; null unless the spec asked
 *     for softmaxStats
 * @param rowSum sum of {@code exp(score - rowMax)} of each row, float32, shaped like the lse; null
 *     unless the spec asked for softmaxStats
 */
public record DjlResult(
    NDArray out,
    NDArray lse,
    @Nullable NDArray maxLogit,
    @Nullable NDArray rowMax,
    @Nullable NDArray rowSum)
    implements AutoCloseable {
  @Override
  public void close() {
    out.close();
    closeStatistics();
  }

  void closeStatistics() {
    Stream.of(lse, maxLogit, rowMax, rowSum).filter(Objects::nonNull).forEach(NDArray::close);
  }
}
