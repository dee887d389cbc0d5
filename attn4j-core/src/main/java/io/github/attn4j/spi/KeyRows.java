package io.github.attn4j.spi;

import io.github.attn4j.Sequences;
import org.jspecify.annotations.Nullable;

/**
 * The key or the value of a call: rows of numbers, or of integers that stand for numbers, in one
 * piece or in pages.
 *
 * @param rows (entry, kvHead, row, column), or with pages (page, kvHead, row of the page, column);
 *     columns are bytes where nibbles is true
 * @param pages which page holds keys {@code [n * pageSize, (n + 1) * pageSize)} of each sequence,
 *     or null if the keys lie in one piece
 * @param pageSize keys per page
 * @param scale what an integer (plus offset) is multiplied by, addressed like rows with stride 0
 *     where it is broadcast; null for floating rows
 * @param offset what is added to an integer, addressed like rows; or null
 * @param nibbles whether a byte holds two columns, the first in its low half
 */
public record KeyRows(
    Rows rows,
    int @Nullable [][] pages,
    int pageSize,
    @Nullable Rows scale,
    @Nullable Rows offset,
    boolean nibbles) {
  /**
   * Where a key lies: its entry, or page.
   *
   * @param sequences the batch
   * @param b the sequence
   * @param j the key row within the sequence
   * @return first index into rows
   */
  public long entry(Sequences sequences, int b, int j) {
    return pages == null ? sequences.entry(b) : pages[b][j / pageSize];
  }

  /**
   * Where a key lies: its row within the entry, or page.
   *
   * @param sequences the batch
   * @param b the sequence
   * @param j the key row within the sequence
   * @return third index into rows
   */
  public long row(Sequences sequences, int b, int j) {
    return pages == null ? sequences.startK(b) + j : j % pageSize;
  }

  /**
   * How many keys from {@code j} on lie one row stride apart.
   *
   * @param j the key row within the sequence
   * @param most upper limit
   * @return at least 1
   */
  public int run(int j, int most) {
    return pages == null ? most : Math.min(most, pageSize - j % pageSize);
  }
}
