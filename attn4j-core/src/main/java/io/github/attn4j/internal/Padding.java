package io.github.attn4j.internal;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;

/** Fills the rows behind the end of padded sequences, which no kernel writes. */
final class Padding {
  private Padding() {}

  /** Fills the padding of a tensor whose dimensions stand as (sequence, head, row, column). */
  static void fill(Tensor tensor, AttentionSpec spec, double value) {
    Tensor constant = Tensor.zeros(tensor.dtype(), 1, 1, 1);
    constant.set(value, 0, 0, 0);
    Sequences sequences = spec.sequences();
    for (int b = 0; b < sequences.count(); b++) {
      Tensor padding = tensor.select(0, b).slice(1, sequences.lengthQ(b), sequences.extentQ());
      padding.assign(constant.expand(padding.shape()));
    }
  }
}
