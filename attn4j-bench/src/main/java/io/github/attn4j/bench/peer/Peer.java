package io.github.attn4j.bench.peer;

import java.util.Optional;

/** An implementation of attention. Making one loads no native library; opening a call does. */
public interface Peer extends AutoCloseable {
  /** What tables call it. */
  String name();

  /** Its version, and the build where there are several. */
  String version();

  /**
   * Why it cannot run here at all.
   *
   * @return a line for people; empty if it can
   */
  default Optional<String> absence() {
    return Optional.empty();
  }

  /** Whether it has this operation, or can be expected to end in reasonable time. */
  boolean can(Work work);

  /**
   * Takes over inputs, outside what is timed.
   *
   * @param work something it can do
   * @param inputs its numbers
   */
  Call open(Work work, Inputs inputs);

  @Override
  default void close() {}
}
