package io.github.attn4j.spi;

import io.github.attn4j.DType;
import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.ScoreOptions;
import io.github.attn4j.Sequences;

/**
 * Everything about a family of calls that is known before the tensors are: validated, and free of
 * layouts.
 *
 * @param sequences lengths and places of the sequences
 * @param heads query heads
 * @param kvHeads key and value heads; divides heads
 * @param headDim columns of query and key
 * @param valueDim columns of value
 * @param dtype the type of the query
 * @param kvDtype the type of key and value; INT8 stands for numbers by quantisation
 * @param score scale, softcap and the stage of a bias
 * @param mask which keys each query may see
 * @param splitKeys keys after which the softmax starts anew; 0 for the backend's choice
 */
public record Problem(
    Sequences sequences,
    int heads,
    int kvHeads,
    int headDim,
    int valueDim,
    DType dtype,
    DType kvDtype,
    ScoreOptions score,
    Mask mask,
    int splitKeys) {
  /**
   * Query heads that share one key/value head.
   *
   * @return heads / kvHeads
   */
  public int group() {
    return heads / kvHeads;
  }

  /**
   * The sizes of the tensors' rows: what they are padded to, or the longest sequences when ragged.
   *
   * @return at least the extent of every sequence
   */
  public Extent widest() {
    if (!sequences.isRagged()) {
      return new Extent((int) sequences.extentQ(), (int) sequences.extentK(), heads);
    }
    int rows = 0;
    int keys = 0;
    for (int b = 0; b < sequences.count(); b++) {
      rows = Math.max(rows, sequences.lengthQ(b));
      keys = Math.max(keys, sequences.lengthK(b));
    }
    return new Extent(rows, keys, heads);
  }

  /**
   * The sizes a mask is seen under in one sequence.
   *
   * @param b the sequence
   * @return its extent
   */
  public Extent extent(int b) {
    return new Extent(sequences.lengthQ(b), sequences.lengthK(b), heads);
  }
}
