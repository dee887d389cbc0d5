package io.github.attn4j.cli.picture;

import io.github.attn4j.spi.TileGrid;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes pictures as SVG, by hand and compactly: cells of one colour are one path of merged
 * rectangles.
 */
public final class SvgPicture implements Canvas {
  /** Finer rasters make large files and look no better. */
  private static final int MAX_CELLS = 240;

  private static final String FONT = "system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif";

  private final StringBuilder body = new StringBuilder();

  private SvgPicture() {}

  /**
   * The picture of a mask.
   *
   * @param view the mask
   * @return an SVG document
   */
  public static String mask(MaskView view) {
    MaskPicture picture = new MaskPicture(view, MAX_CELLS);
    SvgPicture svg = new SvgPicture();
    picture.draw(svg);
    return """
    <svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" viewBox="0 0 %1$d %2$d" \
    role="img" shape-rendering="crispEdges" font-family="%3$s">
    %4$s</svg>
    """
        .formatted(picture.paperWidth(), picture.height(), FONT, svg.body);
  }

  /**
   * The elements and tiles alone, without words, for a page that has its own.
   *
   * @param view the mask
   * @param side pixels
   * @param ofTiles true for the tiles, false for the elements
   * @return an SVG element
   */
  public static String thumbnail(MaskView view, int side, boolean ofTiles) {
    TileGrid grid = view.grid();
    Raster raster =
        ofTiles
            ? Raster.tiles(grid, Raster.step(grid.rowTiles(), grid.columnTiles(), side / 2))
            : Raster.elements(
                grid, Raster.step(grid.extent().seqlenQ(), grid.extent().seqlenK(), side / 2));
    SvgPicture svg = new SvgPicture();
    svg.cells(0, 0, 1, raster);
    return """
    <svg width="%1$d" height="%1$d" viewBox="0 0 %2$d %3$d" preserveAspectRatio="none" \
    shape-rendering="crispEdges" role="img" aria-label="%4$s of %5$s">
    %6$s</svg>
    """
        .formatted(
            side,
            raster.columns(),
            raster.rows(),
            ofTiles ? "tiles" : "elements",
            escape(view.title()),
            svg.body);
  }

  @Override
  public void describe(String title) {
    body.append("<title>").append(escape(title)).append("</title>\n");
  }

  @Override
  public void rectangle(double x, double y, double width, double height, int colour) {
    body.append(
        "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"%s\"/>\n"
            .formatted(number(x), number(y), number(width), number(height), Palette.hex(colour)));
  }

  @Override
  public void text(
      double x, double y, int size, boolean bold, Anchor anchor, int colour, String text) {
    body.append(
        "<text x=\"%s\" y=\"%s\" font-size=\"%d\" fill=\"%s\""
            .formatted(number(x), number(y), size, Palette.hex(colour)));
    if (anchor != Anchor.START) {
      body.append(" text-anchor=\"%s\"".formatted(anchor.name().toLowerCase(Locale.ROOT)));
    }
    if (bold) {
      body.append(" font-weight=\"600\"");
    }
    body.append('>').append(escape(text)).append("</text>\n");
  }

  @Override
  public void cells(double x, double y, int cell, Raster raster) {
    Map<Integer, StringBuilder> paths = new TreeMap<>();
    boolean[] done = new boolean[raster.rows() * raster.columns()];
    for (int row = 0; row < raster.rows(); row++) {
      for (int column = 0; column < raster.columns(); column++) {
        if (!done[row * raster.columns() + column]) {
          int colour = raster.colour(row, column);
          int right = runEnd(raster, row, column);
          int bottom = row + 1;
          while (bottom < raster.rows() && sameRun(raster, done, bottom, column, right, colour)) {
            bottom++;
          }
          for (int r = row; r < bottom; r++) {
            Arrays.fill(done, r * raster.columns() + column, r * raster.columns() + right, true);
          }
          paths
              .computeIfAbsent(colour, c -> new StringBuilder())
              .append(
                  "M%d %dh%dv%dh-%dz"
                      .formatted(column, row, right - column, bottom - row, right - column));
        }
      }
    }
    body.append(
        "<g transform=\"translate(%s %s) scale(%d)\" shape-rendering=\"crispEdges\">\n"
            .formatted(number(x), number(y), cell));
    paths.forEach((colour, path) ->
        body.append("<path fill=\"%s\" d=\"%s\"/>\n".formatted(Palette.hex(colour), path)));
    body.append("</g>\n");
  }

  private static int runEnd(Raster raster, int row, int column) {
    int colour = raster.colour(row, column);
    int end = column + 1;
    while (end < raster.columns() && raster.colour(row, end) == colour) {
      end++;
    }
    return end;
  }

  private static boolean sameRun(
      Raster raster, boolean[] done, int row, int column, int right, int colour) {
    for (int c = column; c < right; c++) {
      if (done[row * raster.columns() + c] || raster.colour(row, c) != colour) {
        return false;
      }
    }
    return true;
  }

  private static String number(double value) {
    String text = String.format(Locale.ROOT, "%.2f", value);
    return text.endsWith(".00") ? text.substring(0, text.length() - 3) : text;
  }

  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
