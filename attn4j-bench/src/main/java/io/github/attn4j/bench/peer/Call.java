package io.github.attn4j.bench.peer;

/**
 * A piece of work with its inputs in the peer's own memory and form, ready to run again and again.
 */
public interface Call extends AutoCloseable {
  /** Computes once. */
  void run();

  /**
   * Computes so many times.
   *
   * @return seconds of one run, on average
   */
  default double seconds(int runs) {
    long begin = System.nanoTime();
    for (int n = 0; n < runs; n++) {
      run();
    }
    return (System.nanoTime() - begin) * 1e-9 / runs;
  }

  /**
   * What the last run computed.
   *
   * @return the output as (batch, heads, rows, dim), or the gradients of query, key and value one
   *     behind the other
   */
  float[] result();

  @Override
  default void close() {}
}
