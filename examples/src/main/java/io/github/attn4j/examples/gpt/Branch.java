package io.github.attn4j.examples.gpt;

/** What stands beside the residual stream: attention or feed-forward. */
interface Branch {
  /** x (rows, width) to y (rows, width). */
  void forward(float[] x, Pass<?> pass, float[] y);

  /**
   * Writes dx and adds to the parameters' gradients.
   *
   * @param x of the forward
   * @param dy gradient of what it wrote
   */
  void backward(float[] x, float[] dy, Pass<PackedAttention> pass, float[] dx);
}
