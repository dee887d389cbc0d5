package io.github.attn4j.examples.gpt;

/** Attention of one layer, without its projections: what differs between training and decoding. */
interface Attend {
  /**
   * Lets rows attend.
   *
   * @param layer which
   * @param qkv (rows, 3, heads, dim), query and key turned
   * @param out (rows, heads, dim), overwritten
   */
  void forward(int layer, float[] qkv, float[] out);
}
