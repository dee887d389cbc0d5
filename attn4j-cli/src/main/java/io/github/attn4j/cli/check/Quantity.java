package io.github.attn4j.cli.check;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Tensor;

/** What attention computes, and along what it is counted. */
public enum Quantity {
  /** The output of a row. */
  OUT(Per.ROW),
  /** The logarithm of the sum of a row. */
  LSE(Per.ROW),
  /** The largest score of a row. */
  ROW_MAX(Per.ROW),
  /** The sum of a row, relative to its largest score. */
  ROW_SUM(Per.ROW),
  /** The scores of a row after the scale. */
  SCALED(Per.ROW),
  /** The scores of a row after the softcap, and a bias that joins before it. */
  CAPPED(Per.ROW),
  /** The scores of a row with every bias and the mask. */
  MASKED(Per.ROW),
  /** What the softmax makes of a row, before dropout. */
  PROBABILITIES(Per.ROW),
  /** The gradient of a query row. */
  DQUERY(Per.ROW),
  /** The gradient of a key row. */
  DKEY(Per.KEY),
  /** The gradient of a value row. */
  DVALUE(Per.KEY),
  /** The gradient of the bias's parameter. */
  DBIAS(Per.CALL),
  /** The gradient of the sinks. */
  DSINK(Per.CALL);

  /** Along what values of a quantity are counted. */
  enum Per {
    /** Query rows and their heads. */
    ROW,
    /** Key rows and their heads. */
    KEY,
    /** The tensor as a whole, of which every element may hang on every row. */
    CALL
  }

  private final Per per;

  Quantity(Per per) {
    this.per = per;
  }

  Per per() {
    return per;
  }

  /** Whether it belongs to keys and their heads. */
  boolean perKey() {
    return per == Per.KEY;
  }

  /** Whether it is a gradient, and needs that of the output. */
  boolean isGradient() {
    return compareTo(DQUERY) >= 0;
  }

  /** Whether it has one number for every row and key. */
  boolean isMatrix() {
    return compareTo(SCALED) >= 0 && compareTo(PROBABILITIES) <= 0;
  }

  /** Sees a tensor of this quantity as (entry, head, row, column). */
  Tensor view(Tensor tensor, AttentionSpec spec) {
    return switch (this) {
      case OUT, DQUERY -> view(tensor, spec, spec.heads());
      case DKEY, DVALUE -> view(tensor, spec, spec.kvHeads());
      case LSE, ROW_MAX, ROW_SUM -> {
        long rows = tensor.dim(-1);
        yield tensor.reshape(tensor.elements() / (spec.heads() * rows), spec.heads(), rows, 1);
      }
      case SCALED, CAPPED, MASKED, PROBABILITIES -> tensor;
      case DBIAS, DSINK -> tensor.reshape(1, 1, 1, tensor.elements());
    };
  }

  static Tensor view(Tensor tensor, AttentionSpec spec, int heads) {
    return switch (spec.layout()) {
      case BNSD -> tensor;
      // ONNX's 3-D inputs have the heads' columns joined, what they become in the core has not.
      case BSND -> (tensor.rank() == 4 ? tensor : apart(tensor, heads)).transpose(1, 2);
      case BSH -> apart(tensor, heads).transpose(1, 2);
      case SBH -> apart(tensor, heads).permute(1, 2, 0, 3);
      case TND -> tensor.reshape(1, tensor.dim(0), heads, tensor.dim(2)).transpose(1, 2);
    };
  }

  private static Tensor apart(Tensor tensor, int heads) {
    return tensor.reshape(tensor.dim(0), tensor.dim(1), heads, tensor.dim(2) / heads);
  }
}
