package io.github.attn4j.operators;

import io.github.attn4j.Alignment;
import io.github.attn4j.DenseMask;
import io.github.attn4j.Mask;
import io.github.attn4j.PrefixMask;
import io.github.attn4j.Tensor;
import io.github.attn4j.WindowMask;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What the checked mask and sparse mode of {@code npu_fusion_attention} mean in the core's words.
 */
final class NpuMaskTranslation {
  private NpuMaskTranslation() {}

  static Mask mask(NpuFusionAttention call, NpuSizes sizes) {
    Tensor given = call.attenMask;
    if (given == null) {
      return Mask.full();
    }
    return switch ((int) call.sparseMode) {
      case 0 -> dense(given, sizes).and(band(call, Alignment.TOP_LEFT));
      case 1, 5 -> dense(given, sizes);
      case 2 -> Mask.causal(Alignment.TOP_LEFT);
      case 3 -> Mask.causal(Alignment.BOTTOM_RIGHT);
      case 4 -> band(call, Alignment.BOTTOM_RIGHT);
      case 6 -> prefix(Objects.requireNonNull(call.prefix), sizes);
      case 7 -> shards(call, sizes, Alignment.BOTTOM_RIGHT, lastWithRows(sizes));
      default -> shards(call, sizes, Alignment.TOP_LEFT, firstWithRows(sizes));
    };
  }

  private static WindowMask band(NpuFusionAttention call, Alignment alignment) {
    return new WindowMask(saturated(call.preTockens), saturated(call.nextTockens), alignment);
  }

  /** What is too far for an int is as good as open. */
  private static int saturated(long tokens) {
    return Math.clamp(tokens, Integer.MIN_VALUE, WindowMask.OPEN);
  }

  private static Mask dense(Tensor given, NpuSizes sizes) {
    if (given.rank() == 4) {
      return new DenseMask(given, false);
    }
    if (!sizes.ragged() || !overAllTokens(given, sizes)) {
      return matrix(given);
    }
    List<Mask> masks = new ArrayList<>();
    long row = 0;
    long key = 0;
    for (int b = 0; b < sizes.batch(); b++) {
      long rowEnd = row + sizes.lengthQ(b);
      long keyEnd = key + sizes.lengthK(b);
      masks.add(matrix(given.slice(0, row, rowEnd).slice(1, key, keyEnd)));
      row = rowEnd;
      key = keyEnd;
    }
    return Mask.perSequence(masks);
  }

  private static Mask matrix(Tensor given) {
    return new DenseMask(given.reshape(1, 1, given.dim(0), given.dim(1)), false);
  }

  /** Whether a mask has a row for each token of all sequences, and a column. */
  static boolean overAllTokens(Tensor mask, NpuSizes sizes) {
    long rows = 0;
    long keys = 0;
    for (int b = 0; b < sizes.batch(); b++) {
      rows += sizes.lengthQ(b);
      keys += sizes.lengthK(b);
    }
    return sizes.ragged() && mask.hasShape(rows, keys);
  }

  private static Mask prefix(long[] prefix, NpuSizes sizes) {
    int[] lengths = new int[sizes.batch()];
    for (int b = 0; b < prefix.length; b++) {
      // Those of sequences without rows are not checked and do not matter.
      lengths[b] = Math.clamp(prefix[b], 0, Integer.MAX_VALUE);
    }
    return new PrefixMask(lengths, Alignment.BOTTOM_RIGHT);
  }

  /** Causal sequences of which one was cut: there the diagonal is where pre and next say. */
  private static Mask shards(
      NpuFusionAttention call, NpuSizes sizes, Alignment alignment, int cut) {
    List<Mask> masks = new ArrayList<>();
    for (int b = 0; b < sizes.batch(); b++) {
      masks.add(b == cut ? band(call, Alignment.BOTTOM_RIGHT) : Mask.causal(alignment));
    }
    return Mask.perSequence(masks);
  }

  static int firstWithRows(NpuSizes sizes) {
    for (int b = 0; b < sizes.batch(); b++) {
      if (sizes.lengthQ(b) > 0) {
        return b;
      }
    }
    return -1;
  }

  static int lastWithRows(NpuSizes sizes) {
    for (int b = sizes.batch() - 1; b >= 0; b--) {
      if (sizes.lengthQ(b) > 0) {
        return b;
      }
    }
    return -1;
  }
}
