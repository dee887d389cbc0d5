package io.github.attn4j;

import io.github.attn4j.spi.ElementBits;
import java.util.List;

/**
 * Several masks at once: visible is what every part allows. Made by {@link Mask#and}.
 *
 * @param parts the masks
 */
public record AndMask(List<Mask> parts) implements Mask {
  /** Keeps a copy and refuses parts that disagree on the number of sequences or heads. */
  public AndMask {
    parts = List.copyOf(parts);
    agree("batch", parts.stream().mapToInt(Mask::batches).toArray());
    agree("heads", parts.stream().mapToInt(Mask::heads).toArray());
  }

  private static void agree(String what, int[] sizes) {
    int most = 1;
    for (int size : sizes) {
      // Heads may nest (2 in 4); a batch is all or one.
      boolean fits =
          what.equals("batch")
              ? size == 1 || most == 1 || size == most
              : Math.max(size, most) % Math.max(1, Math.min(size, most)) == 0;
      if (!fits) {
        throw RefusedException.value(
            "mask", "expected parts of equal %s or 1, got %d and %d".formatted(what, most, size));
      }
      most = Math.max(most, size);
    }
  }

  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    for (Mask part : parts) {
      if (!part.allows(b, h, i, j, extent)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public int intervals() {
    return parts.stream().mapToInt(Mask::intervals).sum();
  }

  @Override
  public void lower(int b, int h, Extent extent, int n0, int[][] starts, int[][] ends) {
    int n = n0;
    for (Mask part : parts) {
      part.lower(b, h, extent, n, starts, ends);
      n += part.intervals();
    }
  }

  @Override
  public List<ElementBits> bits() {
    return parts.stream().flatMap(part -> part.bits().stream()).toList();
  }

  @Override
  public int batches() {
    return parts.stream().mapToInt(Mask::batches).max().orElse(1);
  }

  @Override
  public int heads() {
    return parts.stream().mapToInt(Mask::heads).max().orElse(1);
  }

  @Override
  public void check(int b, Extent extent) {
    parts.forEach(part -> part.check(b, extent));
  }
}
