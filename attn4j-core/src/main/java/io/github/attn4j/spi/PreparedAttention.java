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
}
