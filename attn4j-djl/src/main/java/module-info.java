/**
 * attn4j on DJL's NDArrays: forward, backward and decoding, as the core computes them, without
 * mathematics of its own.
 */
// DJL has no module descriptor, only the name in its manifest; its arrays are what this is about.
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"})
module io.github.attn4j.djl {
  requires transitive io.github.attn4j.core;
  requires transitive ai.djl.api;
  requires static org.jspecify;

  exports io.github.attn4j.djl;
}
