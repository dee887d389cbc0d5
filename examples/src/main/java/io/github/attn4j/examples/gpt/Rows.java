package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;

/** Loops over rows, shared among threads in chunks that do not depend on how many there are. */
final class Rows {
  /** Rows of a chunk. */
  static final int CHUNK = 64;

  private Rows() {}

  /** What is done to some rows. */
  @FunctionalInterface
  interface Body {
    /** Rows {@code from .. to - 1}. */
    void accept(int from, int to);
  }

  /** How many chunks there are. */
  static int chunks(int rows) {
    return Math.ceilDiv(rows, CHUNK);
  }

  /** Runs the body on every chunk. */
  static void forEach(Workers workers, int rows, Body body) {
    workers.forEach(
        chunks(rows), chunk -> body.accept(chunk * CHUNK, Math.min((chunk + 1) * CHUNK, rows)));
  }
}
