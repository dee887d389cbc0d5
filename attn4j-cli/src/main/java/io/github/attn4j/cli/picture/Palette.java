package io.github.attn4j.cli.picture;

/**
 * The colours of all pictures: blue, orange and grey of Okabe and Ito's set, which stay apart for
 * colour-blind eyes and, by their lightness, in print without colour.
 */
public final class Palette {
  /** Visible, or a tile without any masked element. */
  public static final int FULL = 0x0072B2;

  /** A tile with visible and masked elements. */
  public static final int PARTIAL = 0xE69F00;

  /** Masked, or a tile that is skipped. */
  public static final int EMPTY = 0xE9ECEF;

  /** Text. */
  public static final int INK = 0x212529;

  /** Lesser text. */
  public static final int FAINT = 0x6C757D;

  /** What everything lies on. */
  public static final int PAPER = 0xFFFFFF;

  private static final int SHADES = 12;

  private Palette() {}

  /** The colour of a mixture; what is neither full nor partial is empty. */
  static int shade(float full, float partial) {
    int f = Math.round(full * SHADES);
    int p = Math.min(SHADES - f, Math.round(partial * SHADES));
    // A trace must stay a trace: rounding may hide neither the first element nor the last gap.
    if (f == 0 && full > 0 && p < SHADES) {
      f = 1;
    }
    if (p == 0 && partial > 0 && f < SHADES) {
      p = 1;
    }
    if (f == SHADES && full < 1) {
      f--;
    }
    return mix(f, p, SHADES - f - p);
  }

  private static int mix(int full, int partial, int empty) {
    int colour = 0;
    for (int shift = 0; shift <= 16; shift += 8) {
      int channel =
          full * (FULL >> shift & 255)
              + partial * (PARTIAL >> shift & 255)
              + empty * (EMPTY >> shift & 255);
      colour |= Math.round(channel / (float) SHADES) << shift;
    }
    return colour;
  }

  /** A colour as SVG and CSS write it. */
  public static String hex(int colour) {
    return "#%06x".formatted(colour);
  }
}
