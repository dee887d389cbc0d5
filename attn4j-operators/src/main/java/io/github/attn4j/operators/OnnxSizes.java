package io.github.attn4j.operators;

/**
 * The checked sizes of an ONNX {@code Attention}.
 *
 * @param past rows of past_key and past_value, 0 without them
 * @param fresh rows of K and V
 */
record OnnxSizes(
    int batch,
    int heads,
    int kvHeads,
    int seqlenQ,
    int past,
    int fresh,
    int headDim,
    int valueDim) {
  /** Rows of the present keys and values. */
  int total() {
    return past + fresh;
  }
}
