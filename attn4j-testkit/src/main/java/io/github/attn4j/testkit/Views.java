package io.github.attn4j.testkit;

import io.github.attn4j.Layout;
import io.github.attn4j.Tensor;

/** Tensors of any layout seen as (entry, head, row, column), and as flat numbers in that order. */
final class Views {
  private Views() {}

  static Tensor canonical(Layout layout, Tensor tensor, int heads) {
    return switch (layout) {
      case BNSD -> tensor;
      case BSND -> tensor.permute(0, 2, 1, 3);
      case BSH -> split(tensor, heads).permute(0, 2, 1, 3);
      case SBH -> split(tensor, heads).permute(1, 2, 0, 3);
      case TND ->
          tensor.reshape(1, tensor.dim(0), tensor.dim(1), tensor.dim(2)).permute(0, 2, 1, 3);
    };
  }

  private static Tensor split(Tensor tensor, int heads) {
    return tensor.reshape(tensor.dim(0), tensor.dim(1), heads, tensor.dim(2) / heads);
  }

  /** A shape in a layout. */
  static long[] shape(Layout layout, long entries, long rows, int heads, int columns) {
    return switch (layout) {
      case BNSD -> new long[] {entries, heads, rows, columns};
      case BSND -> new long[] {entries, rows, heads, columns};
      case BSH -> new long[] {entries, rows, (long) heads * columns};
      case SBH -> new long[] {rows, entries, (long) heads * columns};
      case TND -> new long[] {rows, heads, columns};
    };
  }

  /** All elements, row-major. */
  static double[] flat(Tensor tensor) {
    float[] values = tensor.toFloatArray();
    double[] wide = new double[values.length];
    for (int at = 0; at < wide.length; at++) {
      wide[at] = values[at];
    }
    return wide;
  }

  static double[] flat(Layout layout, Tensor tensor, int heads) {
    return flat(canonical(layout, tensor, heads));
  }
}
