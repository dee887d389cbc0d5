package io.github.attn4j.cli.picture;

/** What a picture is drawn on: pixels or vectors. Lengths are pixels from the top left. */
interface Canvas {
  /** Where a text stands with respect to its point. */
  enum Anchor {
    START,
    MIDDLE,
    END
  }

  /** A filled rectangle. */
  void rectangle(double x, double y, double width, double height, int colour);

  /** A text whose base line is at y. */
  void text(double x, double y, int size, boolean bold, Anchor anchor, int colour, String text);

  /** The cells of a raster, each {@code cell} wide. */
  void cells(double x, double y, int cell, Raster raster);

  /** What to say to those who cannot see it. */
  void describe(String title);
}
