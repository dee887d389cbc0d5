package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the backward returns; each gradient has the shape and layout of its input. Closing it closes
 * its arrays.
 *
 * @param query gradient of the query, of its dtype
 * @param key gradient of the key, summed over the heads of a group
 * @param value gradient of the value, summed over the heads of a group
 * @param bias gradient of the bias's parameter, of its shape, float32; null without a bias
 * @param sink gradient of the sink, float32 (heads); null without a sink
 */
public record DjlGradients(
    NDArray query, NDArray key, NDArray value, @Nullable NDArray bias, @Nullable NDArray sink)
    implements AutoCloseable {
  @Override
  public void close() {
    Stream.of(query, key, value, bias, sink).filter(Objects::nonNull).forEach(NDArray::close);
  }
}
