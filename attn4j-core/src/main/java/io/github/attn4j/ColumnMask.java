package io.github.attn4j;

import io.github.attn4j.internal.Elements;

/**
 * FlashMask's own form: per key column the query rows that may not see it, as one or two half-open
 * intervals of absolute row numbers. Values are clamped to {@code [0, seqlenQ]} after a signed
 * read; an interval whose start is not below its end masks nothing; two intervals may overlap and
 * stand in any order.
 *
 * <p>Source: {@code paddle.nn.functional.flashmask_attention} and arXiv 2410.01359. The causal half
 * is not part of this mask: add it by {@link Mask#and}.
 *
 * @param indices int32 (batch or 1, mask heads, seqlenK, form.columns())
 * @param form what the last dimension means
 */
public record ColumnMask(Tensor indices, Form form) implements Mask {
  /** What the numbers of one column mean. */
  public enum Form {
    /** {@code s}: rows {@code [s, seqlenQ)} are masked. */
    START(1),
    /** {@code s, e}: rows {@code [s, e)} are masked. */
    START_END(2),
    /** {@code s, e}: rows {@code [s, seqlenQ)} and {@code [0, e)} are masked. */
    LOWER_START_UPPER_END(2),
    /** {@code s, e, t, f}: rows {@code [s, e)} and {@code [t, f)} are masked. */
    TWO_INTERVALS(4);

    private final int columns;

    Form(int columns) {
      this.columns = columns;
    }

    /**
     * How many numbers each key has.
     *
     * @return the last extent of the indices
     */
    public int columns() {
      return columns;
    }
  }

  /**
   * Checks dtype and shape.
   *
   * @throws RefusedException naming {@code indices}
   */
  public ColumnMask {
    if (indices.dtype() != DType.INT32) {
      throw RefusedException.type("indices", "expected INT32, got " + indices);
    }
    if (indices.rank() != 4 || indices.dim(3) != form.columns()) {
      throw RefusedException.value(
          "indices",
          "expected (batch, heads, seqlenK, %d) for %s, got %s"
              .formatted(form.columns(), form, indices));
    }
  }

  private int value(int b, int h, int j, int column, Extent extent) {
    long batch = indices.dim(0) == 1 ? 0 : b;
    long head = (long) h * heads() / extent.heads();
    long position =
        indices.offset()
            + batch * indices.stride(0)
            + head * indices.stride(1)
            + j * indices.stride(2)
            + column * indices.stride(3);
    return Math.clamp(
        Elements.getLong(indices.segment(), DType.INT32, position), 0, extent.seqlenQ());
  }

  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    int first = value(b, h, j, 0, extent);
    return switch (form) {
      case START -> i < first;
      case START_END -> outside(i, first, value(b, h, j, 1, extent));
      case LOWER_START_UPPER_END -> i < first && i >= value(b, h, j, 1, extent);
      case TWO_INTERVALS ->
          outside(i, first, value(b, h, j, 1, extent))
              && outside(i, value(b, h, j, 2, extent), value(b, h, j, 3, extent));
    };
  }

  private static boolean outside(int i, int start, int end) {
    return i < start || i >= end;
  }

  @Override
  public int intervals() {
    return form == Form.START || form == Form.START_END ? 1 : 2;
  }

  @Override
  public void lower(int b, int h, Extent extent, int n0, int[][] starts, int[][] ends) {
    for (int j = 0; j < extent.seqlenK(); j++) {
      starts[n0][j] = value(b, h, j, 0, extent);
      ends[n0][j] =
          switch (form) {
            case START, LOWER_START_UPPER_END -> extent.seqlenQ();
            case START_END, TWO_INTERVALS -> value(b, h, j, 1, extent);
          };
      if (form == Form.LOWER_START_UPPER_END) {
        starts[n0 + 1][j] = 0;
        ends[n0 + 1][j] = value(b, h, j, 1, extent);
      } else if (form == Form.TWO_INTERVALS) {
        starts[n0 + 1][j] = value(b, h, j, 2, extent);
        ends[n0 + 1][j] = value(b, h, j, 3, extent);
      }
    }
  }

  @Override
  public int batches() {
    return (int) indices.dim(0);
  }

  @Override
  public int heads() {
    return (int) indices.dim(1);
  }

  @Override
  public void check(int b, Extent extent, Extent widest) {
    if (indices.dim(2) < extent.seqlenK() || indices.dim(2) > widest.seqlenK()) {
      throw RefusedException.value(
          "mask", "expected indices of %d keys, got %s".formatted(widest.seqlenK(), indices));
    }
  }
}
