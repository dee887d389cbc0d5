package io.github.attn4j.bench.peer;

/** What is computed. */
public enum Pass {
  /** The output, from query, key and value of one length or two. */
  FORWARD,
  /** The gradients of query, key and value, with what the forward kept at hand. */
  BACKWARD,
  /** The output of one query row per sequence over a cache that exists already. */
  DECODE
}
