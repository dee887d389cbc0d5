package io.github.attn4j.cli.picture;

import io.github.attn4j.cli.picture.Canvas.Anchor;
import io.github.attn4j.spi.TileGrid;

/**
 * The picture of a mask: its elements on the left, its tiles on the right, at one scale, so that
 * what is skipped can be seen beside what is masked.
 */
public final class MaskPicture {
  /** Side of the square that the larger of the two lengths fills. */
  private static final int PANEL = 480;

  private static final int MARGIN = 28;
  private static final int AXIS = 56;
  private static final int HEAD = 96;
  private static final int FOOT = 72;

  /** Below this a cell has no line around it. */
  private static final int LINED_CELL = 6;

  /** Below this a cell has no number beside it. */
  private static final int NUMBERED_CELL = 16;

  private final MaskView view;
  private final Raster elements;
  private final Raster tiles;
  private final int elementCell;
  private final int width;
  private final int height;

  /**
   * Lays out the picture.
   *
   * @param view the mask
   * @param maxCells most cells along a side; longer masks are drawn in shades
   */
  public MaskPicture(MaskView view, int maxCells) {
    this.view = view;
    TileGrid grid = view.grid();
    int most = Math.min(PANEL, maxCells);
    this.elements =
        Raster.elements(grid, Raster.step(grid.extent().seqlenQ(), grid.extent().seqlenK(), most));
    this.tiles = Raster.tiles(grid, Raster.step(grid.rowTiles(), grid.columnTiles(), most));
    int longest = Math.max(1, Math.max(elements.rows(), elements.columns()));
    this.elementCell = Math.max(1, PANEL / longest);
    this.width = 2 * (MARGIN + AXIS + elements.columns() * elementCell) + MARGIN;
    this.height = HEAD + elements.rows() * elementCell + FOOT;
  }

  int width() {
    return width;
  }

  int height() {
    return height;
  }

  /** The wider of what the panels need and what the words need. */
  int paperWidth() {
    return Math.max(width, 2 * (MARGIN + AXIS) + MARGIN + 560);
  }

  void draw(Canvas canvas) {
    canvas.describe(view.title() + ", " + view.detail());
    canvas.rectangle(0, 0, paperWidth(), height, Palette.PAPER);
    canvas.text(MARGIN, 36, 20, true, Anchor.START, Palette.INK, view.title());
    canvas.text(MARGIN, 57, 13, false, Anchor.START, Palette.FAINT, view.detail());
    double left = MARGIN + AXIS;
    double right = paperWidth() / 2.0 + MARGIN / 2.0 + AXIS;
    double sideX = elements.columns() * elementCell;
    double sideY = elements.rows() * elementCell;
    double perElement = (double) elementCell / elements.step();
    canvas.cells(left, HEAD, elementCell, elements);
    lines(canvas, left, elementCell, elements.rows(), elements.columns());
    axis(
        canvas,
        left,
        perElement,
        1,
        view.grid().extent().seqlenQ(),
        view.grid().extent().seqlenK());
    tilePanel(canvas, right, perElement);
    double below = HEAD + sideY + 26;
    legend(canvas, left, below, "visible", Palette.FULL);
    legend(canvas, left + 75, below, "masked", Palette.EMPTY);
    legend(canvas, right, below, "full", Palette.FULL);
    legend(canvas, right + 60, below, "partial", Palette.PARTIAL);
    legend(canvas, right + 135, below, "skipped", Palette.EMPTY);
    canvas.text(left, below + 24, 13, false, Anchor.START, Palette.INK, view.elementNumbers());
    canvas.text(right, below + 24, 13, false, Anchor.START, Palette.INK, view.tileNumbers());
    if (sideX == 0 || sideY == 0) {
      canvas.text(left, HEAD, 13, false, Anchor.START, Palette.FAINT, "no elements");
    }
  }

  /** Tiles at the scale of the elements: the last ones are cut where the sequence ends. */
  private void tilePanel(Canvas canvas, double x, double perElement) {
    TileGrid grid = view.grid();
    int seqlenQ = grid.extent().seqlenQ();
    int seqlenK = grid.extent().seqlenK();
    double tileHeight = perElement * grid.shape().tileM() * tiles.step();
    double tileWidth = perElement * grid.shape().tileN() * tiles.step();
    double line = Math.min(tileWidth, tileHeight) >= LINED_CELL ? 1 : 0;
    for (int row = 0; row < tiles.rows(); row++) {
      double top = row * tileHeight;
      double bottom = Math.min(top + tileHeight, seqlenQ * perElement);
      int column = 0;
      while (column < tiles.columns()) {
        int colour = tiles.colour(row, column);
        int end = column + 1;
        while (line == 0 && end < tiles.columns() && tiles.colour(row, end) == colour) {
          end++;
        }
        double from = column * tileWidth;
        double to = Math.min(end * tileWidth, seqlenK * perElement);
        canvas.rectangle(
            x + from,
            HEAD + top,
            Math.max(0.5, to - from - line),
            Math.max(0.5, bottom - top - line),
            colour);
        column = end;
      }
    }
    axis(
        canvas,
        x,
        perElement * grid.shape().tileN(),
        grid.shape().tileN(),
        grid.rowTiles(),
        grid.columnTiles());
  }

  private static void lines(Canvas canvas, double x, int cell, int rows, int columns) {
    if (cell < LINED_CELL) {
      return;
    }
    for (int row = 1; row < rows; row++) {
      canvas.rectangle(x, HEAD + row * cell - 1, columns * cell, 1, Palette.PAPER);
    }
    for (int column = 1; column < columns; column++) {
      canvas.rectangle(x + column * cell - 1, HEAD, 1, rows * cell, Palette.PAPER);
    }
  }

  /**
   * Numbers along both sides: of every unit where there is room, else at round distances; in
   * elements or tiles, as the panel counts.
   */
  private void axis(
      Canvas canvas, double x, double unit, int elementsPerUnit, int rows, int columns) {
    String across = elementsPerUnit == 1 ? "key" : "key tile";
    String down = elementsPerUnit == 1 ? "query" : "query tile";
    canvas.text(x, HEAD - 22, 11, false, Anchor.START, Palette.FAINT, across + " →");
    canvas.text(x - 6, HEAD - 22, 11, false, Anchor.END, Palette.FAINT, down + " ↓");
    double unitDown =
        elementsPerUnit == 1 ? unit : unit * view.grid().shape().tileM() / elementsPerUnit;
    int everyColumn = every(unit);
    for (int n = 0; n < columns; n += everyColumn) {
      double at = x + (n + (everyColumn == 1 ? 0.5 : 0)) * unit;
      canvas.text(
          at,
          HEAD - 6,
          11,
          false,
          everyColumn == 1 ? Anchor.MIDDLE : Anchor.START,
          Palette.FAINT,
          "" + n);
    }
    int everyRow = every(unitDown);
    for (int m = 0; m < rows; m += everyRow) {
      double at = HEAD + (m + (everyRow == 1 ? 0.5 : 0)) * unitDown + (everyRow == 1 ? 4 : 9);
      canvas.text(x - 6, at, 11, false, Anchor.END, Palette.FAINT, "" + m);
    }
  }

  /** 1, or a round number of units that leaves room for a number. */
  private static int every(double unit) {
    if (unit >= NUMBERED_CELL) {
      return 1;
    }
    int every = 2;
    while (every * unit < 56) {
      every *= 2;
    }
    return every;
  }

  private static void legend(Canvas canvas, double x, double y, String word, int colour) {
    canvas.rectangle(x, y - 10, 12, 12, colour);
    canvas.text(x + 17, y, 12, false, Anchor.START, Palette.INK, word);
  }
}
