package io.github.attn4j.cli.picture;

import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TileKind;
import java.util.Locale;

/**
 * One sequence and head of a mask with all that a picture of it tells.
 *
 * @param title what it is
 * @param detail its sizes, one line
 * @param grid the mask, lowered and cut into tiles
 */
public record MaskView(String title, String detail, TileGrid grid) {
  /**
   * Describes a grid.
   *
   * @param title what it is
   * @param grid the mask
   * @param which which sequence and head of a call it belongs to; may be empty
   * @return the view
   */
  public static MaskView of(String title, TileGrid grid, String which) {
    String sizes =
        "%d queries × %d keys, tiles of %d × %d"
            .formatted(
                grid.extent().seqlenQ(),
                grid.extent().seqlenK(),
                grid.shape().tileM(),
                grid.shape().tileN());
    return new MaskView(title, which.isEmpty() ? sizes : sizes + ", " + which, grid);
  }

  /** How many elements of a hundred are visible. */
  double visiblePercent() {
    double elements = (double) grid.extent().seqlenQ() * grid.extent().seqlenK();
    return elements == 0 ? 0 : 100 * grid.visibleElements() / elements;
  }

  /** How many tiles of a hundred are skipped. */
  double skippedPercent() {
    double tiles = (double) grid.rowTiles() * grid.columnTiles();
    return tiles == 0 ? 0 : 100 * grid.count(TileKind.EMPTY) / tiles;
  }

  String elementNumbers() {
    return String.format(
        Locale.ROOT, "visible %,d (%.1f %%)", grid.visibleElements(), visiblePercent());
  }

  String tileNumbers() {
    return String.format(
        Locale.ROOT,
        "full %,d, partial %,d, skipped %,d (%.1f %%)",
        grid.count(TileKind.FULL),
        grid.count(TileKind.PARTIAL),
        grid.count(TileKind.EMPTY),
        skippedPercent());
  }
}
