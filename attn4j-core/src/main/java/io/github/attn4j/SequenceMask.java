package io.github.attn4j;

import io.github.attn4j.spi.ElementBits;
import java.util.ArrayList;
import java.util.List;

/**
 * A mask of its own for every sequence. Made by {@link Mask#perSequence}.
 *
 * @param parts one mask per sequence, or one for all; none makes a difference between sequences
 *     itself
 */
public record SequenceMask(List<Mask> parts) implements Mask {
  /**
   * Keeps a copy.
   *
   * @throws RefusedException naming {@code mask}, for parts that tell sequences apart themselves or
   *     disagree on the number of heads
   */
  public SequenceMask {
    parts = List.copyOf(parts);
    if (parts.isEmpty()) {
      throw RefusedException.value("mask", "expected one mask per sequence, got none");
    }
    int most = parts.stream().mapToInt(Mask::heads).max().orElse(1);
    for (Mask part : parts) {
      if (part.batches() != 1) {
        throw RefusedException.value(
            "mask",
            "expected parts for one sequence each, got one for %d".formatted(part.batches()));
      }
      if (part.heads() < 1 || most % part.heads() != 0) {
        throw RefusedException.value(
            "mask",
            "expected parts whose heads divide %d, got one of %d".formatted(most, part.heads()));
      }
    }
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
    return parts.stream().mapToInt(Mask::intervals).max().orElse(0);
  }

  @Override
  public void lower(int b, int h, Extent extent, int n0, int[][] starts, int[][] ends) {
    // Slots that this sequence's mask leaves alone stay [0, 0), which masks nothing.
    part(b).lower(b, h, extent, n0, starts, ends);
  }

  @Override
  public List<ElementBits> bits() {
    if (parts.size() == 1) {
      return parts.getFirst().bits();
    }
    List<ElementBits> bits = new ArrayList<>();
    for (int part = 0; part < parts.size(); part++) {
      for (ElementBits inner : parts.get(part).bits()) {
        bits.add(onlyIn(part, inner));
      }
    }
    return bits;
  }

  private static ElementBits onlyIn(int sequence, ElementBits bits) {
    return (b, h, extent, tile, visible) -> {
      if (b == sequence) {
        bits.clearMasked(b, h, extent, tile, visible);
      }
    };
  }

  @Override
  public int batches() {
    return parts.size();
  }

  @Override
  public int heads() {
    return parts.stream().mapToInt(Mask::heads).max().orElse(1);
  }

  @Override
  public void check(int b, Extent extent, Extent widest) {
    part(b).check(b, extent, widest);
  }
}
