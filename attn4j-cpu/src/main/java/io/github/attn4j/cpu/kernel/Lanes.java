package io.github.attn4j.cpu.kernel;

import io.github.attn4j.DType;
import io.github.attn4j.spi.TileShape;
import java.lang.foreign.MemorySegment;

/** The one home of the sizes of tiles; lanes are the queries of a tile. */
public final class Lanes {
  private static final TileSizes SIZES = TileKernels.active().sizes();

  /** Queries (or columns) that a kernel computes at once: the lanes of a panel. */
  static final int NR = SIZES.nr();

  /** Rows of a register tile: panels of keys or columns are so high. */
  static final int MR = SIZES.mr();

  /**
   * Queries of a tile. Large enough that the keys and values of a tile, streamed once per query
   * panel from the second level cache, are paid for; a multiple of every NR.
   */
  static final int TILE_M = 128;

  /** Keys of a tile: a multiple of MR. */
  static final int TILE_N = SIZES.tileN();

  /** Distance between the rows of a panel of NR columns. */
  static final int PS = SIZES.ps();

  /** Floats of a panel of a key tile. */
  static final int PANEL = TILE_N * PS;

  /**
   * Distance between the keys of a tile laid out by rows: TILE_M and one cache line, so that
   * neighbouring rows do not fall into the same cache set.
   */
  static final int LD = TILE_M + 16;

  private Lanes() {}

  /**
   * The active vector width.
   *
   * @return bits
   */
  public static int bits() {
    return SIZES.bits();
  }

  /**
   * The kernels in use, and why not better ones.
   *
   * @return a line for people
   */
  public static String description() {
    KernelChoice choice = KernelChoice.ACTIVE;
    String kernels =
        choice.isaOrNull() == null
            ? "Vector API"
            : "machine code emitted for " + choice.isa().label();
    String why = choice.reason().isEmpty() ? "" : " (" + choice.reason() + ")";
    return "%s, float32 in %d-bit vectors%s; %s".formatted(kernels, bits(), why, choice.halves());
  }

  /**
   * The size of a tile.
   *
   * @return TILE_M by TILE_N
   */
  public static TileShape tileShape() {
    return new TileShape(TILE_M, TILE_N);
  }

  /**
   * Does nothing but multiply-adds on registers, by the active kernels.
   *
   * @param steps of a few nanoseconds
   * @return how many float32 were multiplied and added
   */
  public static long multiplyAdds(int steps) {
    return TileKernels.active().multiplyAdds(steps);
  }

  /**
   * The same with products of bfloat16, by the kernels that work on those.
   *
   * @param steps of a few nanoseconds
   * @return how many products were added to float32
   */
  public static long bfloat16MultiplyAdds(int steps) {
    return TileKernels.of(DType.BFLOAT16, DType.BFLOAT16).multiplyAdds(steps);
  }

  /**
   * Reads native memory from its start to its end, by the active kernels.
   *
   * @param memory any length
   */
  public static void read(MemorySegment memory) {
    TileKernels.active().read(memory);
  }

  static int roundUp(int value, int multiple) {
    return Math.ceilDiv(value, multiple) * multiple;
  }
}
