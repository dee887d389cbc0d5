package io.github.attn4j.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Extent;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.DropoutBits;
import io.github.attn4j.spi.Problem;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** Dropout by a caller's packed bits; the order of the bits is that of {@link Dropout#keep}. */
public final class PackedDropout implements DropoutBits {
  private final MemorySegment bytes;
  private final long offset;
  private final long[] firstBit;
  private final double keptFactor;

  PackedDropout(Dropout dropout, Problem problem) {
    Tensor keep = Objects.requireNonNull(dropout.keep());
    bytes = keep.segment();
    offset = keep.offset();
    keptFactor = 1 / (1 - dropout.p());
    firstBit = firstBits(problem);
    long needed = Math.ceilDiv(firstBit[firstBit.length - 1], 8L);
    if (keep.elements() < needed) {
      throw RefusedException.value(
          "keep", "expected at least %d bytes, got %s".formatted(needed, keep));
    }
  }

  /** Where the bits of each sequence start; last, how many bits there are. */
  private static long[] firstBits(Problem problem) {
    Sequences sequences = problem.sequences();
    long[] first = new long[sequences.count() + 1];
    for (int b = 0; b < sequences.count(); b++) {
      long elements = (long) sequences.lengthQ(b) * sequences.lengthK(b);
      first[b + 1] = Math.addExact(first[b], Math.multiplyExact(elements, (long) problem.heads()));
    }
    return first;
  }

  private boolean bit(long position) {
    return (bytes.get(JAVA_BYTE, offset + (position >>> 3)) >>> (position & 7) & 1) != 0;
  }

  private long position(int b, int h, int i, int j, Extent extent) {
    return firstBit[b] + ((long) h * extent.seqlenQ() + i) * extent.seqlenK() + j;
  }

  @Override
  public double keptFactor() {
    return keptFactor;
  }

  @Override
  public boolean keeps(int b, int h, int i, int j, Extent extent) {
    return bit(position(b, h, i, j, extent));
  }

  @Override
  public void clearMasked(int b, int h, Extent extent, Tile tile, long[] visible) {
    for (int i = 0; i < tile.rows(); i++) {
      long position = position(b, h, tile.row0() + i, tile.key0(), extent);
      for (int j = 0; j < tile.keys(); j++) {
        if (!bit(position + j)) {
          visible[j * tile.wordsPerKey() + (i >>> 6)] &= ~(1L << i);
        }
      }
    }
  }

  /** Draws the bits of a whole problem. */
  public static Tensor export(Dropout dropout, Problem problem) {
    long[] first = firstBits(problem);
    Tensor packed = Tensor.zeros(DType.INT8, Math.ceilDiv(first[first.length - 1], 8L));
    DropoutBits source =
        dropout.keep() == null
            ? new PhiloxDropout(dropout, problem.heads())
            : new PackedDropout(dropout, problem);
    for (int b = 0; b < problem.sequences().count(); b++) {
      Extent extent = problem.extent(b);
      long position = first[b];
      for (int h = 0; h < problem.heads(); h++) {
        for (int i = 0; i < extent.seqlenQ(); i++) {
          for (int j = 0; j < extent.seqlenK(); j++, position++) {
            if (source.keeps(b, h, i, j, extent)) {
              long at = position >>> 3;
              byte old = packed.segment().get(JAVA_BYTE, at);
              packed.segment().set(JAVA_BYTE, at, (byte) (old | 1 << (position & 7)));
            }
          }
        }
      }
    }
    return packed;
  }
}
