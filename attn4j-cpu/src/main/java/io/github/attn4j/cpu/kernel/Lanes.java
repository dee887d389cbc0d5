package io.github.attn4j.cpu.kernel;

import io.github.attn4j.spi.TileShape;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The one home of vector widths and of the sizes that follow from them. */
public final class Lanes {
  /** Overrides the width, for tests: 128, 256 or 512. */
  private static final String BITS_PROPERTY = "attn4j.vectorBits";

  static final VectorSpecies<Float> FLOATS = species();
  static final VectorSpecies<Integer> INTS =
      IntVector.SPECIES_PREFERRED.withLanes(int.class).withShape(FLOATS.vectorShape());

  /** Lanes of a vector of float32. */
  static final int COUNT = FLOATS.length();

  /** Whether the 32 vector registers of AVX-512 are there; else kernels keep to 16. */
  static final boolean WIDE = COUNT == 16;

  /**
   * Queries (or columns) that a micro-kernel computes at once: two vectors, so that one broadcast
   * of the other operand feeds two fused multiply-adds.
   */
  static final int NR = 2 * COUNT;

  /**
   * Queries of a tile. Large enough that the keys and values of a tile, streamed once per query
   * panel from the second level cache, are paid for; a multiple of every NR.
   */
  static final int TILE_M = 128;

  /**
   * Keys of a tile: a multiple of the micro-kernel's height, and no more than leaves a panel of
   * probabilities, TILE_N × PS floats, half of a first-level cache of 32 KiB or more; fewer would
   * waste time at the ends of the loops.
   */
  static final int TILE_N = WIDE ? 96 : 192;

  /**
   * Distance between the rows of a panel of NR columns. The narrow micro-kernel wants it to be a
   * multiple of its six rows, so that one loop variable serves both operands; the wide one takes
   * panels as dense as they come.
   */
  static final int PS = WIDE ? NR : NR / 2 * 3;

  /** Floats of a panel of a key tile. */
  static final int PANEL = TILE_N * PS;

  /**
   * Distance between the keys of a tile laid out by rows: TILE_M and one cache line, so that
   * neighbouring rows do not fall into the same cache set.
   */
  static final int LD = TILE_M + 16;

  private Lanes() {}

  private static VectorSpecies<Float> species() {
    Integer bits = Integer.getInteger(BITS_PROPERTY);
    if (bits == null) {
      int preferred = FloatVector.SPECIES_PREFERRED.vectorBitSize();
      return FloatVector.SPECIES_PREFERRED.withShape(
          VectorShape.forBitSize(Math.clamp(preferred, 128, 512)));
    }
    if (bits != 128 && bits != 256 && bits != 512) {
      throw new IllegalArgumentException(BITS_PROPERTY + ": expected 128, 256 or 512, got " + bits);
    }
    return FloatVector.SPECIES_PREFERRED.withShape(VectorShape.forBitSize(bits));
  }

  /**
   * The active vector width.
   *
   * @return bits
   */
  public static int bits() {
    return FLOATS.vectorBitSize();
  }

  /**
   * The size of a tile.
   *
   * @return TILE_M by TILE_N
   */
  public static TileShape tileShape() {
    return new TileShape(TILE_M, TILE_N);
  }

  static int roundUp(int value, int multiple) {
    return Math.ceilDiv(value, multiple) * multiple;
  }
}
