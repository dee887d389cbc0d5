package io.github.attn4j;

/**
 * A bias that depends on {@code i - j} only, given by the last rows of its matrix; joins the scores
 * at and below the diagonal, those above it get none.
 *
 * <p>With R rows given of a matrix of S columns, row r stands for row S - R + r, which lies above
 * the matrix if R is more than S: the bias of (i, j) is an element with the same {@code i - j}.
 * Where several have it (and should be equal), the one that the documents of {@code
 * npu_fusion_attention} address is taken, so that gradients come out in the same places: for padded
 * sequences row {@code i} itself if it is among those given, else row {@code i mod R}; for ragged
 * ones column 0 or row 0.
 *
 * @param parameter floating (sequences or 1, heads or 1, R, S); padded sequences want seqlenQ =
 *     seqlenK = S, ragged ones seqlenQ = seqlenK at most S
 */
public record ToeplitzBias(Tensor parameter) implements Bias {
  /**
   * Checks dtype and rank; the extents are checked by the call.
   *
   * @throws RefusedException naming {@code bias}
   */
  public ToeplitzBias {
    Biases.checkFloating(parameter);
    if (parameter.rank() != 4 || parameter.dim(2) < 1) {
      throw RefusedException.value(
          "bias", "expected (sequences or 1, heads or 1, last rows, keys), got " + parameter);
    }
  }
}
