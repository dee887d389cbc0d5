package io.github.attn4j.bench.measure;

/** A part of the report. */
public enum Section {
  /** Peers side by side, float32. */
  FORWARD,
  /** Gradients, float32. */
  BACKWARD,
  /** Peers side by side, bfloat16. */
  BF16,
  /** Steps over a cache. */
  DECODE,
  /** The forward over the length. */
  LENGTHS,
  /** FlashMask's twelve masks, forward and backward. */
  MASKS,
  /** The forward over the number of threads. */
  THREADS,
  /** A call so small that what surrounds the arithmetic shows. */
  SMALL,
  /** Making a plan, over the length. */
  PLAN
}
