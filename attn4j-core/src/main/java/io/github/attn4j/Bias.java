package io.github.attn4j;

/**
 * What is added to the scores, as a parameter tensor and a rule which of its elements joins which
 * score. Every kind has a gradient, of the parameter's shape; see {@link BiasStage} for where a
 * bias joins. What is to be hidden is a {@link Mask}, which saves its work.
 */
public sealed interface Bias permits DenseBias, PackedBias, AlibiBias, ToeplitzBias {
  /**
   * The parameter.
   *
   * @return a floating tensor; the gradient has its shape
   */
  Tensor parameter();

  /**
   * One number per score, broadcast where the tensor says so.
   *
   * @param tensor floating (sequences or 1, heads or 1, rows or 1, keys or 1)
   * @return a dense bias
   */
  static Bias dense(Tensor tensor) {
    return new DenseBias(tensor);
  }

  /**
   * ALiBi: a penalty that grows with the distance between query and key.
   *
   * @param slopes floating (heads) or (sequences, heads)
   * @param alignment where distance 0 lies when query and key differ in length
   * @return a linear ALiBi bias
   */
  static Bias alibi(Tensor slopes, Alignment alignment) {
    return new AlibiBias(slopes, AlibiBias.Curve.LINEAR, alignment, 0);
  }
}
