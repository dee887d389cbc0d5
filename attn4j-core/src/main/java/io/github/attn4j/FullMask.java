package io.github.attn4j;

/** Every query sees every key. */
public record FullMask() implements Mask {
  @Override
  public boolean allows(int b, int h, int i, int j, Extent extent) {
    return true;
  }
}
