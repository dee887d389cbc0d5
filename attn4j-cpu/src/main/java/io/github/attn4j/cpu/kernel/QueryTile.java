package io.github.attn4j.cpu.kernel;

import io.github.attn4j.spi.TileGrid;

/**
 * The queries of a tile: some rows of one head, or of all heads of a group that see the same keys.
 * Lane {@code g * rows + i} of the tile is row {@code row0 + i} of head {@code head + g}.
 *
 * @param b the sequence
 * @param head first query head
 * @param heads how many heads
 * @param row0 first query row within the sequence
 * @param rows query rows of each head
 */
record QueryTile(int b, int head, int heads, int row0, int rows) {
  /** Tile {@code m} of one head. */
  static QueryTile of(TileGrid grid, int b, int head, int m) {
    int row0 = m * Lanes.TILE_M;
    int rows = Math.min(Lanes.TILE_M, grid.extent().seqlenQ() - row0);
    return new QueryTile(b, head, 1, row0, rows);
  }

  /** How many lanes are queries. */
  int lanes() {
    return heads * rows;
  }

  /** The query row of a lane; for a lane behind the last one, a row that is none. */
  int row(int lane) {
    return row0 + (lane < lanes() ? lane % rows : lane);
  }
}
