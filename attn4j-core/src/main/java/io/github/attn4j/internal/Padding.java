package io.github.attn4j.internal;

import io.github.attn4j.Tensor;

/** Fills tensors whose padding rows no kernel writes. */
final class Padding {
  private Padding() {}

  static void fill(Tensor tensor, double value) {
    Tensor constant = Tensor.zeros(tensor.dtype(), ones(tensor.rank()));
    constant.set(value, new long[tensor.rank()]);
    tensor.assign(constant.expand(tensor.shape()));
  }

  private static long[] ones(int rank) {
    long[] shape = new long[rank];
    java.util.Arrays.fill(shape, 1);
    return shape;
  }
}
