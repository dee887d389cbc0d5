package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.cpu.emit.DecodeTable;

/** What the kernels of a decode work on besides queries and cache, of one thread. */
final class DecodeScratch {
  /** Scores, then probabilities: [query][key], and room for what is subtracted from each query. */
  final Floats scores = Floats.offHeap(DecodeTable.MOST_ROWS * (DecodeTable.scoreStep(TILE_N) + 1));

  /** Output so far: [query][column]. */
  final Floats out = Floats.offHeap(DecodeTable.MOST_ROWS * DecodeTable.MOST_COLUMNS);

  /** Factors of integers, by key of a tile or by column. */
  Floats keyFactors = Floats.offHeap(TILE_N);

  Floats valueFactors = Floats.offHeap(TILE_N);

  /** A block of keys that do not lie one stride apart. */
  Floats block = Floats.offHeap(0);

  /** Makes room for rows of so many columns. */
  void fit(int columns) {
    if (block.size() < DecodeSource.BLOCK * columns) {
      keyFactors = Floats.offHeap(Math.max(TILE_N, columns));
      valueFactors = Floats.offHeap(Math.max(TILE_N, columns));
      block = Floats.offHeap(DecodeSource.BLOCK * columns);
    }
  }
}
