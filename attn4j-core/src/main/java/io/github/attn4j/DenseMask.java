package io.github.attn4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.attn4j.spi.ElementBits;
import java.util.List;

/**
 * A mask element by element.
 *
 * @param elements bool or int8 (batch or 1, mask heads, seqlenQ or 1, seqlenK or 1)
 * @param visibleWhenSet whether an element other than zero is visible (true) or masked (false)
 */
public record DenseMask(Tensor elements, boolean visibleWhenSet) implements Mask, ElementBits {
  /**
   * Checks dtype and rank.
   *
   * @throws RefusedException naming {@code mask}
   */
  public DenseMask {
    if (elements.dtype() != DType.BOOL && elements.dtype() != DType.INT8) {
      throw RefusedException.type("mask", "expected BOOL or INT8, got " + elements);
    }
    if (elements.rank() != 4) {
      throw RefusedException.value(
          "mask", "expected (batch, heads, seqlenQ, seqlenK), got " + elements);
    }
  }

  private long rowPosition(int b, int h, int i, int heads) {
    long head = (long) h * heads() / heads;
    return elements.offset()
        + (elements.dim(0) == 1 ? 0 : b * elements.stride(0))
        + head * elements.stride(1)
        + (elements.dim(2) == 1 ? 0 : i * elements.stride(2));
  }

  private long keyStride() {
    return elements.dim(3) == 1 ? 0 : elements.stride(3);
  }

  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    long position = rowPosition(b, h, i, extent.heads()) + j * keyStride();
    return (elements.segment().get(JAVA_BYTE, position) != 0) == visibleWhenSet;
  }

  @Override
  public void clearMasked(int b, int h, Extent extent, Tile tile, long[] visible) {
    long step = keyStride();
    for (int i = 0; i < tile.rows(); i++) {
      long position = rowPosition(b, h, tile.row0() + i, extent.heads()) + tile.key0() * step;
      int word = i >>> 6;
      long bit = 1L << i;
      for (int j = 0; j < tile.keys(); j++, position += step) {
        if ((elements.segment().get(JAVA_BYTE, position) != 0) != visibleWhenSet) {
          visible[j * tile.wordsPerKey() + word] &= ~bit;
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
    return (int) elements.dim(0);
  }

  @Override
  public int heads() {
    return (int) elements.dim(1);
  }

  @Override
  public void check(int b, Extent extent, Extent widest) {
    if (!fits(elements.dim(2), extent.seqlenQ(), widest.seqlenQ())
        || !fits(elements.dim(3), extent.seqlenK(), widest.seqlenK())) {
      throw RefusedException.value(
          "mask",
          "expected %d query and %d key rows (or 1), got %s"
              .formatted(widest.seqlenQ(), widest.seqlenK(), elements));
    }
  }

  private static boolean fits(long rows, int least, int most) {
    return rows == 1 || (rows >= least && rows <= most);
  }
}
