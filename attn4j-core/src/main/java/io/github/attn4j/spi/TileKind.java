package io.github.attn4j.spi;

/** What a mask leaves of a tile. */
public enum TileKind {
  /** No element is visible: the tile is skipped. */
  EMPTY,
  /** Some elements may be masked: the kernel must look. */
  PARTIAL,
  /** Every element is visible: no mask is read. */
  FULL
}
