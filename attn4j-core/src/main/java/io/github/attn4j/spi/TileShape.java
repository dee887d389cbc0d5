package io.github.attn4j.spi;

import io.github.attn4j.RefusedException;

/**
 * The size of a tile.
 *
 * @param tileM query rows
 * @param tileN key rows
 */
public record TileShape(int tileM, int tileN) {
  /**
   * Refuses empty tiles.
   *
   * @throws RefusedException naming the argument
   */
  public TileShape {
    if (tileM < 1 || tileN < 1) {
      throw RefusedException.value(
          tileM < 1 ? "tileM" : "tileN", "expected at least 1, got " + Math.min(tileM, tileN));
    }
  }

  @Override
  public String toString() {
    return tileM + "x" + tileN;
  }
}
