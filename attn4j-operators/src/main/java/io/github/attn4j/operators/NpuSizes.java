package io.github.attn4j.operators;

import io.github.attn4j.Layout;
import io.github.attn4j.Sequences;

/** The sizes of a call of {@code npu_fusion_attention}, whatever its layout. */
record NpuSizes(
    Layout layout, Sequences sequences, int heads, int kvHeads, int headDim, int valueDim) {
  boolean ragged() {
    return sequences.isRagged();
  }

  int batch() {
    return sequences.count();
  }

  int lengthQ(int b) {
    return sequences.lengthQ(b);
  }

  int lengthK(int b) {
    return sequences.lengthK(b);
  }

  /** Query rows of the tensors, or of the longest sequence. */
  int rows() {
    int most = 0;
    for (int b = 0; b < batch(); b++) {
      most = Math.max(most, lengthQ(b));
    }
    return most;
  }

  /** Key rows of the tensors, or of the longest sequence. */
  int keys() {
    int most = 0;
    for (int b = 0; b < batch(); b++) {
      most = Math.max(most, lengthK(b));
    }
    return most;
  }

  /** Whether every sequence has as many keys as queries. */
  boolean square() {
    for (int b = 0; b < batch(); b++) {
      if (lengthQ(b) != lengthK(b)) {
        return false;
      }
    }
    return true;
  }

  /** The number of scores. */
  long numels() {
    long sum = 0;
    for (int b = 0; b < batch(); b++) {
      sum = Math.addExact(sum, (long) lengthQ(b) * lengthK(b));
    }
    return Math.multiplyExact(sum, (long) heads);
  }
}
