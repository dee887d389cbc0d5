package io.github.attn4j.internal;

import io.github.attn4j.Dropout;
import io.github.attn4j.Extent;
import io.github.attn4j.spi.DropoutBits;

/**
 * Dropout drawn by Philox. One counter serves four neighbouring keys: (query row, key / 4, sequence
 * × heads + head, low half of the offset) under the key (low half of the seed, high half of the
 * seed xor high half of the offset); word {@code key % 4} of the block belongs to the element,
 * which is kept if the word, unsigned, is below {@code (1 - p) × 2^32}.
 */
final class PhiloxDropout implements DropoutBits {
  private final int key0;
  private final int key1;
  private final int stream;
  private final long threshold;
  private final double keptFactor;
  private final int heads;

  PhiloxDropout(Dropout dropout, int heads) {
    key0 = (int) dropout.seed();
    key1 = (int) (dropout.seed() >>> 32) ^ (int) (dropout.offset() >>> 32);
    stream = (int) dropout.offset();
    threshold = (long) Math.ceil((1 - dropout.p()) * 0x1p32);
    keptFactor = 1 / (1 - dropout.p());
    this.heads = heads;
  }

  @Override
  public double keptFactor() {
    return keptFactor;
  }

  @Override
  public boolean keeps(int b, int h, int i, int j, Extent extent) {
    int[] block = new int[4];
    Philox.block(key0, key1, i, j >>> 2, b * heads + h, stream, block);
    return (block[j & 3] & 0xffffffffL) < threshold;
  }

  @Override
  public void clearMasked(int b, int h, Extent extent, Tile tile, long[] visible) {
    PhiloxLanes lanes = new PhiloxLanes();
    int end = tile.key0() + tile.keys();
    for (int first = tile.key0(); first < end; first = (first | 3) + 1) {
      int stop = Math.min(end, (first | 3) + 1);
      for (int row = 0; row < tile.rows(); row += PhiloxLanes.MOST) {
        int count = Math.min(PhiloxLanes.MOST, tile.rows() - row);
        lanes.draw(count, key0, key1, tile.row0() + row, first >>> 2, b * heads + h, stream);
        for (int j = first; j < stop; j++) {
          int word = (j - tile.key0()) * tile.wordsPerKey() + row / PhiloxLanes.MOST;
          visible[word] &= ~lanes.notBelow(j & 3, threshold);
        }
      }
    }
  }
}
