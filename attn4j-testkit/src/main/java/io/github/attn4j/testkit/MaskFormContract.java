package io.github.attn4j.testkit;

import io.github.attn4j.ColumnMask;
import io.github.attn4j.DType;
import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The way a mask is written does not change a bit, whatever tiles are skipped because of it. */
public interface MaskFormContract {
  /** The name of the backend under test. */
  String backend();

  /** The same rule as columns, densely and as blocks, forward and backward, in every dtype. */
  @Test
  default void columnsDenseAndBlocksGiveTheSameBits() {
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16)) {
      for (int[] size : new int[][] {{149, 149}, {300, 120}, {64, 333}}) {
        AttentionCase c =
            new AttentionCase(1, size[0], size[1]).heads(2, 1).dims(24, 40).dtype(dtype);
        Materials materials = Materials.of(c);
        Tensor kept = twoRunsPerColumn(new Draw(size[1]), size[0], size[1]);
        Mask blocks = Mask.blocks(kept, 16, 16);
        for (Mask other : List.of(Mask.full(), Mask.causal(), Mask.window(70, 20))) {
          Extent extent = new Extent(size[0], size[1], c.heads);
          Mask rule = blocks.and(other);
          Outcome expected = Outcome.of(backend(), materials.withMask(rule));
          Mask columns = columns(blocks, extent).and(other);
          SameBits.check("columns", Outcome.of(backend(), materials.withMask(columns)), expected);
          Mask dense = dense(rule, extent);
          SameBits.check("dense", Outcome.of(backend(), materials.withMask(dense)), expected);
        }
      }
    }
  }

  /** Masks that mask nothing are the full mask. */
  @Test
  default void masksThatMaskNothingAreTheFullMask() {
    AttentionCase c = new AttentionCase(1, 130, 200).dims(32, 32);
    Materials materials = Materials.of(c);
    Outcome expected = Outcome.of(backend(), materials);
    Extent extent = new Extent(130, 200, 1);
    for (Mask mask :
        List.of(
            dense(Mask.full(), extent),
            columns(Mask.full(), extent),
            Mask.prefix(200),
            Mask.window(1000, 1000))) {
      SameBits.check(mask.toString(), Outcome.of(backend(), materials.withMask(mask)), expected);
    }
  }

  /** Blocks of 16 by 16, each block column with at most two masked runs. */
  private static Tensor twoRunsPerColumn(Draw draw, int seqlenQ, int seqlenK) {
    int rows = Math.ceilDiv(seqlenQ, 16);
    int columns = Math.ceilDiv(seqlenK, 16);
    Tensor kept = Tensor.zeros(DType.INT32, 1, 1, rows, columns);
    for (int n = 0; n < columns; n++) {
      int[] cuts = {
        draw.between(0, rows), draw.between(0, rows), draw.between(0, rows), draw.between(0, rows)
      };
      java.util.Arrays.sort(cuts);
      for (int m = 0; m < rows; m++) {
        boolean masked = (m >= cuts[0] && m < cuts[1]) || (m >= cuts[2] && m < cuts[3]);
        kept.set(masked ? 0 : 1, 0, 0, m, n);
      }
    }
    return kept;
  }

  /** A mask of at most two masked runs per column, as FlashMask writes it. */
  private static Mask columns(Mask mask, Extent extent) {
    int seqlenQ = extent.seqlenQ();
    Tensor indices = Tensor.zeros(DType.INT32, 1, 1, extent.seqlenK(), 4);
    for (int j = 0; j < extent.seqlenK(); j++) {
      int bound = 0;
      boolean masked = false;
      for (int i = 0; i <= seqlenQ; i++) {
        boolean now = i < seqlenQ && !mask.allows(0, 0, i, j, extent);
        if (now != masked) {
          indices.set(i, 0, 0, j, bound++);
          masked = now;
        }
      }
    }
    return Mask.columns(indices, ColumnMask.Form.TWO_INTERVALS);
  }

  private static Mask dense(Mask mask, Extent extent) {
    Tensor bits = Tensor.zeros(DType.BOOL, 1, 1, extent.seqlenQ(), extent.seqlenK());
    for (int i = 0; i < extent.seqlenQ(); i++) {
      for (int j = 0; j < extent.seqlenK(); j++) {
        bits.set(mask.allows(0, 0, i, j, extent) ? 1 : 0, 0, 0, i, j);
      }
    }
    return Mask.dense(bits);
  }
}
