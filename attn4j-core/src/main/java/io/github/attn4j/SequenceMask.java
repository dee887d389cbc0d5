package io.github.attn4j;

import io.github.attn4j.spi.ElementBits;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A mask of its own for every sequence. Made by {@link Mask#perSequence}.
 *
 * <p>What all parts together say is found once: plans ask for it sequence by sequence, tiles bit by
 * bit.
 */
public final class SequenceMask implements Mask {
  private final List<Mask> parts;
  private final int intervals;
  private final int heads;
  private final List<ElementBits> bits;

  /**
   * Keeps a copy.
   *
   * @param parts one mask per sequence, or one for all; none makes a difference between sequences
   *     itself
   * @throws RefusedException naming {@code mask}, for parts that tell sequences apart themselves or
   *     disagree on the number of heads
   */
  public SequenceMask(List<Mask> parts) {
    this.parts = List.copyOf(parts);
    if (this.parts.isEmpty()) {
      throw RefusedException.value("mask", "expected one mask per sequence, got none");
    }
    heads = this.parts.stream().mapToInt(Mask::heads).max().orElse(1);
    for (Mask part : this.parts) {
      if (part.batches() != 1) {
        throw RefusedException.value(
            "mask",
            "expected parts for one sequence each, got one for %d".formatted(part.batches()));
      }
      if (part.heads() < 1 || heads % part.heads() != 0) {
        throw RefusedException.value(
            "mask",
            "expected parts whose heads divide %d, got one of %d".formatted(heads, part.heads()));
      }
    }
    intervals = this.parts.stream().mapToInt(Mask::intervals).max().orElse(0);
    bits = bits(this.parts);
  }

  private static List<ElementBits> bits(List<Mask> parts) {
    List<List<ElementBits>> own = parts.stream().map(Mask::bits).toList();
    if (own.stream().allMatch(List::isEmpty)) {
      return List.of();
    }
    return List.of((b, h, extent, tile, visible) -> {
      for (ElementBits part : own.get(own.size() == 1 ? 0 : b)) {
        part.clearMasked(b, h, extent, tile, visible);
      }
    });
  }

  /**
   * The masks of the sequences.
   *
   * @return one per sequence, or one for all
   */
  public List<Mask> parts() {
    return parts;
  }

  private Mask part(int b) {
    return parts.get(parts.size() == 1 ? 0 : b);
  }

  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    return part(b).allows(b, h, i, j, extent);
  }

  @Override
  public int intervals() {
    return intervals;
  }

  @Override
  public void lower(int b, int h, Extent extent, int n0, int[][] starts, int[][] ends) {
    // Slots that this sequence's mask leaves alone stay [0, 0), which masks nothing.
    part(b).lower(b, h, extent, n0, starts, ends);
  }

  @Override
  public List<ElementBits> bits() {
    return bits;
  }

  @Override
  public int batches() {
    return parts.size();
  }

  @Override
  public int heads() {
    return heads;
  }

  @Override
  public void check(int b, Extent extent, Extent widest) {
    part(b).check(b, extent, widest);
  }

  /** Whether the parts are the same. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof SequenceMask that && parts.equals(that.parts);
  }

  @Override
  public int hashCode() {
    return parts.hashCode();
  }

  @Override
  public String toString() {
    return "SequenceMask" + parts;
  }
}
