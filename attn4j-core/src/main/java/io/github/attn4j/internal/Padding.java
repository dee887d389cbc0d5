package io.github.attn4j.internal;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;

/** Fills the rows that belong to no sequence, which no kernel writes. */
final class Padding {
  private Padding() {}

  /** Fills the padding of a tensor whose dimensions stand as (entry, head, row, column). */
  static void fill(Tensor tensor, AttentionSpec spec, double value) {
    Sequences sequences = spec.sequences();
    long end = 0;
    for (int b = 0; b < sequences.count(); b++) {
      Tensor entry = tensor.select(0, sequences.entry(b));
      fill(entry, end, sequences.startQ(b), value);
      end = sequences.startQ(b) + sequences.lengthQ(b);
      if (!sequences.isRagged()) {
        fill(entry, end, sequences.extentQ(), value);
        end = 0;
      }
    }
    if (sequences.isRagged()) {
      fill(tensor.select(0, 0), end, sequences.extentQ(), value);
    }
  }

  private static void fill(Tensor entry, long from, long to, double value) {
    if (from < to) {
      Tensor rows = entry.slice(1, from, to);
      Tensor constant = Tensor.zeros(entry.dtype(), 1, 1, 1);
      constant.set(value, 0, 0, 0);
      rows.assign(constant.expand(rows.shape()));
    }
  }
}
