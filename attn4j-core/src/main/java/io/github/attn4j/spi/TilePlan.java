package io.github.attn4j.spi;

import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.Sequences;
import java.util.HashMap;
import java.util.Map;

/**
 * Which tiles of every sequence and head to visit. Made once from lengths and mask, reusable by any
 * number of calls and layers; sequences and heads that look alike share one {@link TileGrid}.
 */
public final class TilePlan {
  private final TileShape shape;
  private final int sequences;
  private final int heads;
  private final int maskHeads;
  private final TileGrid[] grids;

  private record Key(Extent extent, int maskBatch, int maskHead) {}

  private TilePlan(TileShape shape, Sequences sequences, int heads, Mask mask) {
    this.shape = shape;
    this.sequences = sequences.count();
    this.heads = heads;
    this.maskHeads = mask.heads();
    this.grids = new TileGrid[this.sequences * maskHeads];
    Map<Key, TileGrid> known = new HashMap<>();
    for (int b = 0; b < this.sequences; b++) {
      Extent extent = new Extent(sequences.lengthQ(b), sequences.lengthK(b), heads);
      for (int g = 0; g < maskHeads; g++) {
        int sequence = b;
        int head = g * (heads / maskHeads);
        Key key = new Key(extent, mask.batches() == 1 ? 0 : b, g);
        grids[b * maskHeads + g] =
            known.computeIfAbsent(key, k -> new TileGrid(mask, sequence, head, extent, shape));
      }
    }
  }

  /**
   * Plans a mask over sequences.
   *
   * @param mask which keys each query may see
   * @param sequences the lengths
   * @param heads query heads, a multiple of the mask's heads
   * @param shape the size of a tile
   * @return the plan
   */
  public static TilePlan of(Mask mask, Sequences sequences, int heads, TileShape shape) {
    return new TilePlan(shape, sequences, heads, mask);
  }

  /**
   * The size of a tile.
   *
   * @return tileM by tileN
   */
  public TileShape shape() {
    return shape;
  }

  /**
   * The tiles of one sequence and head.
   *
   * @param b the sequence
   * @param h the query head
   * @return its grid, possibly shared with others
   */
  public TileGrid grid(int b, int h) {
    return grids[b * maskHeads + (int) ((long) h * maskHeads / heads)];
  }

  /**
   * How many tiles of one kind there are over all sequences and heads.
   *
   * @param kind the kind
   * @return tiles
   */
  public long count(TileKind kind) {
    long tiles = 0;
    for (TileGrid grid : grids) {
      tiles += grid.count(kind) * (heads / maskHeads);
    }
    return tiles;
  }

  /**
   * The share of tiles that are visited.
   *
   * @return between 0 and 1; 0 where there are no tiles at all
   */
  public double density() {
    double visited = count(TileKind.FULL) + count(TileKind.PARTIAL);
    double all = visited + count(TileKind.EMPTY);
    return all == 0 ? 0 : visited / all;
  }

  /**
   * How many elements are visible over all sequences and heads.
   *
   * @return pairs of query and key
   */
  public long visibleElements() {
    Map<TileGrid, Long> counted = new HashMap<>();
    long elements = 0;
    for (TileGrid grid : grids) {
      elements += counted.computeIfAbsent(grid, TileGrid::visibleElements) * (heads / maskHeads);
    }
    return elements;
  }

  /** Sizes and the share of each kind, then a picture of the first grid. */
  @Override
  public String toString() {
    return "TilePlan %s, %d sequences, %d heads: %d FULL, %d PARTIAL, %d EMPTY (density %.4f)%n%s"
        .formatted(
            shape,
            sequences,
            heads,
            count(TileKind.FULL),
            count(TileKind.PARTIAL),
            count(TileKind.EMPTY),
            density(),
            grids.length == 0 ? "" : grids[0]);
  }
}
