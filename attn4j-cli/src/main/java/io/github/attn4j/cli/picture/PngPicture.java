package io.github.attn4j.cli.picture;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Draws pictures as pixels; needs no screen. */
public final class PngPicture implements Canvas {
  private static final int MAX_CELLS = 480;

  private final Graphics2D graphics;

  /**
   * Whether this machine has fonts; a bare container may not, and its pictures then have no words.
   */
  private final boolean words;

  private PngPicture(BufferedImage image) {
    graphics = image.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    words = hasFonts();
  }

  private boolean hasFonts() {
    try {
      return graphics.getFontMetrics(new Font(Font.SANS_SERIF, Font.PLAIN, 12)).stringWidth("0")
          > 0;
    } catch (RuntimeException | LinkageError | InternalError e) {
      return false;
    }
  }

  /**
   * Writes the picture of a mask.
   *
   * @param view the mask
   * @param file where to
   * @throws IOException if the file cannot be written
   */
  public static void writeMask(MaskView view, Path file) throws IOException {
    MaskPicture picture = new MaskPicture(view, MAX_CELLS);
    BufferedImage image =
        new BufferedImage(picture.paperWidth(), picture.height(), BufferedImage.TYPE_INT_RGB);
    PngPicture png = new PngPicture(image);
    picture.draw(png);
    png.graphics.dispose();
    // ImageIO's own way to a file swallows why it cannot be opened.
    try (OutputStream bytes = Files.newOutputStream(file);
        ImageOutputStream stream = new MemoryCacheImageOutputStream(bytes)) {
      if (!ImageIO.write(image, "png", stream)) {
        throw new IOException("this Java cannot write PNG files");
      }
    }
  }

  @Override
  public void describe(String title) {}

  @Override
  public void rectangle(double x, double y, double width, double height, int colour) {
    graphics.setColor(new Color(colour));
    graphics.fill(new Rectangle2D.Double(x, y, width, height));
  }

  @Override
  public void text(
      double x, double y, int size, boolean bold, Anchor anchor, int colour, String text) {
    if (!words) {
      return;
    }
    graphics.setFont(new Font(Font.SANS_SERIF, bold ? Font.BOLD : Font.PLAIN, size));
    double width = graphics.getFontMetrics().stringWidth(text);
    double shift =
        switch (anchor) {
          case START -> 0;
          case MIDDLE -> width / 2;
          case END -> width;
        };
    graphics.setColor(new Color(colour));
    graphics.drawString(text, (float) (x - shift), (float) y);
  }

  @Override
  public void cells(double x, double y, int cell, Raster raster) {
    for (int row = 0; row < raster.rows(); row++) {
      for (int column = 0; column < raster.columns(); column++) {
        graphics.setColor(new Color(raster.colour(row, column)));
        graphics.fillRect((int) x + column * cell, (int) y + row * cell, cell, cell);
      }
    }
  }
}
