package io.github.attn4j.cli.picture;

import io.github.attn4j.Extent;
import io.github.attn4j.spi.TileGrid;
import java.util.ArrayList;
import java.util.List;

/** Draws masks in block characters. */
public final class TextPicture {
  /** Up to this many cells along a side every one has its number. */
  private static final int NUMBERED = 20;

  private TextPicture() {}

  /**
   * The picture of a mask: elements beside tiles where the width allows it, else above them.
   *
   * @param view the mask
   * @param width characters of a line
   * @return lines
   */
  public static String mask(MaskView view, int width) {
    TileGrid grid = view.grid();
    Extent extent = grid.extent();
    List<String> left = new ArrayList<>();
    left.add("elements: " + view.elementNumbers());
    panel(left, Raster.elements(grid, step(extent.seqlenQ(), extent.seqlenK(), width)), false);
    List<String> right = new ArrayList<>();
    right.add("tiles: " + view.tileNumbers());
    panel(right, Raster.tiles(grid, step(grid.rowTiles(), grid.columnTiles(), width)), true);
    StringBuilder text = new StringBuilder();
    text.append(view.title()).append(": ").append(view.detail()).append("\n\n");
    int gap = left.stream().mapToInt(String::length).max().orElse(0) + 4;
    int rightWidth = right.stream().mapToInt(String::length).max().orElse(0);
    if (gap + rightWidth <= width) {
      for (int line = 0; line < Math.max(left.size(), right.size()); line++) {
        String first = line < left.size() ? left.get(line) : "";
        String second = line < right.size() ? right.get(line) : "";
        text.append((first + " ".repeat(gap - first.length()) + second).stripTrailing())
            .append('\n');
      }
    } else {
      left.forEach(line -> text.append(line.stripTrailing()).append('\n'));
      text.append('\n');
      right.forEach(line -> text.append(line.stripTrailing()).append('\n'));
    }
    text.append("\n██ visible or full   ▒▒ partial   · masked or skipped");
    text.append("   (rows are queries, columns are keys)\n");
    return text.toString();
  }

  /** A power of two, which divides the sizes that occur. */
  private static int step(int rows, int columns, int width) {
    int least = Raster.step(rows, columns, Math.max(1, (width - 6) / 2));
    return least == 1 ? 1 : 2 * Integer.highestOneBit(least - 1);
  }

  /** Two characters per cell, which is about square on a terminal. */
  private static void panel(List<String> lines, Raster raster, boolean tiles) {
    boolean numbered = Math.max(raster.rows(), raster.columns()) <= NUMBERED && raster.step() == 1;
    if (numbered) {
      StringBuilder head = new StringBuilder("    ");
      for (int column = 0; column < raster.columns(); column++) {
        head.append("%2d".formatted(column));
      }
      lines.add(head.toString());
    } else if (raster.step() > 1) {
      lines.add(
          "one cell is %1$d × %1$d %2$s".formatted(raster.step(), tiles ? "tiles" : "elements"));
    }
    for (int row = 0; row < raster.rows(); row++) {
      StringBuilder line = new StringBuilder(numbered ? "%3d ".formatted(row) : "  ");
      for (int column = 0; column < raster.columns(); column++) {
        line.append(tiles ? tile(raster, row, column) : element(raster.full(row, column)));
      }
      lines.add(line.toString());
    }
  }

  private static String tile(Raster raster, int row, int column) {
    if (raster.full(row, column) == 1) {
      return "██";
    }
    return raster.full(row, column) + raster.partial(row, column) > 0 ? "▒▒" : " ·";
  }

  private static String element(float visible) {
    if (visible == 0) {
      return " ·";
    }
    return visible == 1 ? "██" : visible > 2 / 3f ? "▓▓" : visible > 1 / 3f ? "▒▒" : "░░";
  }
}
