package io.github.attn4j;

import io.github.attn4j.internal.Elements;
import io.github.attn4j.spi.ElementBits;
import java.util.List;

/**
 * A mask by blocks, counted from the top-left corner; the last blocks may be ragged.
 *
 * @param blocks int32, int8 or bool (batch or 1, mask heads, ceil(seqlenQ / blockM), ceil(seqlenK /
 *     blockN)); an element other than zero keeps its block
 * @param blockM query rows of a block
 * @param blockN key rows of a block
 */
public record BlockMask(Tensor blocks, int blockM, int blockN) implements Mask, ElementBits {
  /**
   * Checks dtype, rank and sizes.
   *
   * @throws RefusedException naming {@code blocks}, {@code blockM} or {@code blockN}
   */
  public BlockMask {
    if (blocks.dtype().isFloating() || blocks.dtype() == DType.INT64) {
      throw RefusedException.type("blocks", "expected INT32, INT8 or BOOL, got " + blocks);
    }
    if (blocks.rank() != 4) {
      throw RefusedException.value(
          "blocks", "expected (batch, heads, blocks of Q, blocks of K), got " + blocks);
    }
    if (blockM < 1 || blockN < 1) {
      throw RefusedException.value(
          blockM < 1 ? "blockM" : "blockN", "expected at least 1, got " + Math.min(blockM, blockN));
    }
  }

  private boolean kept(int b, int h, int blockRow, int blockColumn, int heads) {
    long position =
        blocks.offset()
            + (blocks.dim(0) == 1 ? 0 : b * blocks.stride(0))
            + (long) h * heads() / heads * blocks.stride(1)
            + blockRow * blocks.stride(2)
            + blockColumn * blocks.stride(3);
    return Elements.get(blocks.segment(), blocks.dtype(), position) != 0;
  }

  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    return kept(b, h, i / blockM, j / blockN, extent.heads());
  }

  @Override
  public void clearMasked(int b, int h, Extent extent, Tile tile, long[] visible) {
    int blockEnd = 0;
    for (int i = 0; i < tile.rows(); i = blockEnd) {
      int blockRow = (tile.row0() + i) / blockM;
      blockEnd = (int) Math.min(tile.rows(), (blockRow + 1L) * blockM - tile.row0());
      for (int j = 0; j < tile.keys(); j++) {
        if (!kept(b, h, blockRow, (tile.key0() + j) / blockN, extent.heads())) {
          for (int row = i; row < blockEnd; row++) {
            visible[j * tile.wordsPerKey() + (row >>> 6)] &= ~(1L << row);
          }
        }
      }
    }
  }

  @Override
  public List<ElementBits> bits() {
    return List.of(this);
  }

  @Override
  public int batches() {
    return (int) blocks.dim(0);
  }

  @Override
  public int heads() {
    return (int) blocks.dim(1);
  }

  @Override
  public void check(int b, Extent extent, Extent widest) {
    boolean fits =
        blocks.dim(2) >= Math.ceilDiv(extent.seqlenQ(), blockM)
            && blocks.dim(3) >= Math.ceilDiv(extent.seqlenK(), blockN)
            && blocks.dim(2) <= Math.ceilDiv(widest.seqlenQ(), blockM)
            && blocks.dim(3) <= Math.ceilDiv(widest.seqlenK(), blockN);
    if (!fits) {
      throw RefusedException.value(
          "mask",
          "expected %d by %d blocks of %d by %d for %d query and %d key rows, got %s"
              .formatted(
                  Math.ceilDiv(widest.seqlenQ(), blockM),
                  Math.ceilDiv(widest.seqlenK(), blockN),
                  blockM,
                  blockN,
                  widest.seqlenQ(),
                  widest.seqlenK(),
                  blocks));
    }
  }
}
