package io.github.attn4j;

import io.github.attn4j.spi.ElementBits;
import java.util.Arrays;
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

  /** Heads may nest (2 in 4); a batch is all or one. */
  private static void agree(String what, int[] sizes) {
    int most = Arrays.stream(sizes).max().orElse(1);
    for (int size : sizes) {
      boolean nests = size > 0 && most % size == 0;
      boolean fits = what.equals("batch") ? size == 1 || size == most : nests;
      if (!fits) {
        throw RefusedException.value(
            "mask",
            "expected parts of equal %s or 1, got %s".formatted(what, Arrays.toString(sizes)));
      }
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
  public void check(int b, Extent extent, Extent widest) {
    parts.forEach(part -> part.check(b, extent, widest));
  }
}
