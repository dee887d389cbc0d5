package io.github.attn4j.spi;

/** A problem, a plan and a backend's kernels for them. Safe for use by several threads at once. */
public interface PreparedAttention {
  /**
   * Computes output and lse of every row that belongs to a sequence.
   *
   * @param call the tensors
   */
  void forward(ForwardCall call);

  /**
   * Computes the gradients of every row that belongs to a sequence.
   *
   * @param call the tensors
   */
  void backward(BackwardCall call);

  /**
   * Where the softmax of a sequence starts anew in a forward. Its parts are joined from the first
   * to the last by the arithmetic of {@link Partials}; a sink belongs to the first.
   *
   * @param b the sequence
   * @return keys per part; 0 if all keys are in one
   */
  default int splitKeys(int b) {
    return 0;
  }
}
