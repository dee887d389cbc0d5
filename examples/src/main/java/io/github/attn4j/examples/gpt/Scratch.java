package io.github.attn4j.examples.gpt;

/** Memory that all layers use in turn, for as many rows as a pass may have. */
final class Scratch {
  /** What a branch adds to the residual stream, or the gradient of that: (rows, width). */
  final float[] branch;

  /** Gradient of a branch's input: (rows, width). */
  final float[] input;

  /** Gradient of what attention returned: (rows, width). */
  final float[] attended;

  /** Gradient of query, key and value: (rows, 3 width). */
  final float[] qkv;

  /** Gradient of the hidden layer: (rows, 4 width). */
  final float[] hidden;

  Scratch(GptConfig config, int capacity) {
    int elements = capacity * config.width();
    branch = new float[elements];
    input = new float[elements];
    attended = new float[elements];
    qkv = new float[3 * elements];
    hidden = new float[Mlp.EXPANSION * elements];
  }
}
