package io.github.attn4j.cpu.kernel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The one home of the widths of the Vector API's vectors. */
final class Vectors {
  /** Overrides the width, for tests: 128, 256 or 512. */
  static final String BITS_PROPERTY = "attn4j.vectorBits";

  static final VectorSpecies<Float> FLOATS = species();
  static final VectorSpecies<Integer> INTS =
      IntVector.SPECIES_PREFERRED.withLanes(int.class).withShape(FLOATS.vectorShape());

  /** Lanes of a vector of float32. */
  static final int COUNT = FLOATS.length();

  /** Whether the 32 vector registers of AVX-512 are there; else kernels keep to 16. */
  static final boolean WIDE = COUNT == 16;

  private Vectors() {}

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
}
