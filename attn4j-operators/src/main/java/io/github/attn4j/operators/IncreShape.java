package io.github.attn4j.operators;

import io.github.attn4j.Layout;
import io.github.attn4j.Tensor;

/**
 * The query of a step, read off its checked arguments.
 *
 * @param layout order of the dimensions
 * @param batch sequences
 * @param seqlenQ query rows of each
 * @param heads query heads
 * @param kvHeads key and value heads
 * @param headDim columns of a head
 */
record IncreShape(Layout layout, int batch, int seqlenQ, int heads, int kvHeads, int headDim) {
  /** Which dimension of a tensor of rank 4 counts its rows. */
  int rowDimension() {
    return layout == Layout.BNSD ? 2 : 1;
  }

  /** Keys or values in one piece. */
  long[] keyShape(long entries, long rows, int columns) {
    return switch (layout) {
      case BNSD -> new long[] {entries, kvHeads, rows, columns};
      case BSND -> new long[] {entries, rows, kvHeads, columns};
      default -> new long[] {entries, rows, (long) kvHeads * columns};
    };
  }

  /** A view with dimensions (entry, query head, row, column). */
  Tensor byHead(Tensor tensor) {
    return switch (layout) {
      case BNSD -> tensor;
      case BSND -> tensor.transpose(1, 2);
      default -> tensor.reshape(tensor.dim(0), tensor.dim(1), heads, headDim).transpose(1, 2);
    };
  }

  /** Which channel, of all heads, holds an element of a sequence's dense query. */
  int channel(int element) {
    int line = element / headDim;
    int head = layout == Layout.BNSD ? line / seqlenQ : line % heads;
    return head * headDim + element % headDim;
  }

  /** All sequences' rows as those of one. */
  Tensor joinBatch(Tensor tensor) {
    if (layout == Layout.BNSD) {
      return dense(tensor.transpose(0, 1), 1, heads, (long) batch * seqlenQ, headDim);
    }
    long[] extents = tensor.shape();
    extents[0] = 1;
    extents[1] = (long) batch * seqlenQ;
    return dense(tensor, extents);
  }

  /** The way back, of a dense tensor. */
  Tensor splitBatch(Tensor tensor) {
    if (layout == Layout.BNSD) {
      return tensor.reshape(heads, batch, seqlenQ, headDim).transpose(0, 1);
    }
    long[] extents = tensor.shape();
    extents[0] = batch;
    extents[1] = seqlenQ;
    return tensor.reshape(extents);
  }

  /** The way back of an lse, (1, heads, rows of all sequences). */
  Tensor splitLse(Tensor lse) {
    return lse.reshape(heads, batch, seqlenQ).transpose(0, 1);
  }

  private Tensor dense(Tensor tensor, long... extents) {
    boolean view = batch == 1 || seqlenQ == 1 || tensor.isContiguous();
    return (view ? tensor : tensor.copy()).reshape(extents);
  }
}
