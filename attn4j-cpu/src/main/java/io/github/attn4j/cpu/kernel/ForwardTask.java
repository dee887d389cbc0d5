package io.github.attn4j.cpu.kernel;

import io.github.attn4j.spi.TileGrid;

/**
 * What one thread does at a time in a forward: a query tile over some of its keys.
 *
 * @param tile the queries
 * @param grid what they may see
 * @param slot where the wave's packs have their keys; or {@link #OWN}
 * @param from first key tile
 * @param to end of the key tiles
 * @param step key tiles after which the softmax starts anew
 * @param share number among the tasks that share the tile
 * @param shares how many there are
 * @param join where the wave joins what they make, if there are several
 */
record ForwardTask(
    QueryTile tile,
    TileGrid grid,
    int slot,
    int from,
    int to,
    int step,
    int share,
    int shares,
    int join) {
  /** The keys are read by no other tile: each task packs them as it goes. */
  static final int OWN = -1;
}
