package io.github.attn4j.cli.check;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Tensor;

/** What attention computes, row by row or key by key. */
public enum Quantity {
  /** The output of a row. */
  OUT(false),
  /** The logarithm of the sum of a row. */
  LSE(false),
  /** The gradient of a query row. */
  DQUERY(false),
  /** The gradient of a key row. */
  DKEY(true),
  /** The gradient of a value row. */
  DVALUE(true);

  private final boolean perKey;

  Quantity(boolean perKey) {
    this.perKey = perKey;
  }

  /**
   * Whether it belongs to keys and their heads, not to queries and theirs.
   *
   * @return true for the gradients of key and value
   */
  public boolean perKey() {
    return perKey;
  }

  /**
   * Sees a tensor of this quantity as (entry, head, row, column).
   *
   * @param tensor in the spec's layout; an lse as (entry, head, row), or (head, row) when ragged
   * @param spec the call
   * @return a view
   */
  public Tensor view(Tensor tensor, AttentionSpec spec) {
    if (this == LSE) {
      long rows = tensor.dim(-1);
      return tensor.reshape(tensor.elements() / (spec.heads() * rows), spec.heads(), rows, 1);
    }
    return view(tensor, spec, perKey ? spec.kvHeads() : spec.heads());
  }

  static Tensor view(Tensor tensor, AttentionSpec spec, int heads) {
    return switch (spec.layout()) {
      case BNSD -> tensor;
      case BSND -> tensor.transpose(1, 2);
      case BSH ->
          tensor
              .reshape(tensor.dim(0), tensor.dim(1), heads, tensor.dim(2) / heads)
              .transpose(1, 2);
      case SBH ->
          tensor
              .reshape(tensor.dim(0), tensor.dim(1), heads, tensor.dim(2) / heads)
              .permute(1, 2, 0, 3);
      case TND -> tensor.reshape(1, tensor.dim(0), heads, tensor.dim(2)).transpose(1, 2);
    };
  }
}
