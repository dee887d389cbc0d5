package io.github.attn4j.cpu.kernel;

/**
 * The sizes that a set of kernels wants its tiles in.
 *
 * @param bits width of a vector
 * @param nr queries of a panel, at most 63 and a divisor of {@link Lanes#TILE_M}
 * @param mr rows of a register tile
 * @param ps distance between the rows of a panel, no less than nr
 * @param tileN keys of a tile, a multiple of mr
 */
record TileSizes(int bits, int nr, int mr, int ps, int tileN) {}
