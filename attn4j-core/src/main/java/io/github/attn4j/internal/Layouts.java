package io.github.attn4j.internal;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Layout;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;

/**
 * Turns a tensor of any layout into a view with dimensions (entry, head, row, column), the only
 * form inside.
 */
final class Layouts {
  private Layouts() {}

  static Tensor canonical(Layout layout, Tensor tensor, int heads) {
    return switch (layout) {
      case BNSD -> tensor;
      case BSND -> tensor.transpose(1, 2);
      case BSH -> split(tensor, heads).transpose(1, 2);
      case SBH -> split(tensor, heads).permute(1, 2, 0, 3);
      case TND -> unsqueeze(tensor).transpose(1, 2);
    };
  }

  private static Tensor split(Tensor tensor, int heads) {
    return tensor.reshape(tensor.dim(0), tensor.dim(1), heads, tensor.dim(2) / heads);
  }

  private static Tensor unsqueeze(Tensor tensor) {
    return tensor.reshape(1, tensor.dim(0), tensor.dim(1), tensor.dim(2));
  }

  /** The shape of query, key, value or output in a layout. */
  static long[] shape(
      Layout layout, Sequences sequences, boolean queryRows, int heads, int columns) {
    long rows = queryRows ? sequences.extentQ() : sequences.extentK();
    long entries = sequences.entries();
    return switch (layout) {
      case BNSD -> new long[] {entries, heads, rows, columns};
      case BSND -> new long[] {entries, rows, heads, columns};
      case BSH -> new long[] {entries, rows, (long) heads * columns};
      case SBH -> new long[] {rows, entries, (long) heads * columns};
      case TND -> new long[] {rows, heads, columns};
    };
  }

  /** The lse as (entry, head, row, 1). */
  static Tensor canonicalLse(Tensor lse, boolean ragged) {
    return ragged
        ? lse.reshape(1, lse.dim(0), lse.dim(1), 1)
        : lse.reshape(lse.dim(0), lse.dim(1), lse.dim(2), 1);
  }

  static long[] lseShape(AttentionSpec spec) {
    Sequences sequences = spec.sequences();
    return sequences.isRagged()
        ? new long[] {spec.heads(), sequences.extentQ()}
        : new long[] {sequences.count(), spec.heads(), sequences.extentQ()};
  }
}
