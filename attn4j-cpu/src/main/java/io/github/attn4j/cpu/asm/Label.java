package io.github.attn4j.cpu.asm;

import java.util.ArrayList;
import java.util.List;

/** A place in the code that jumps go to, known or not yet. */
public final class Label {
  /** Offset in the code, -1 as long as it is not known. */
  int offset = -1;

  /** Offsets of the four bytes of each jump that waits for it. */
  final List<Integer> waiting = new ArrayList<>();

  /** A label that no place has yet. */
  public Label() {}

  /**
   * The place of the label.
   *
   * @return bytes from the start of the code
   * @throws IllegalStateException if it has none yet
   */
  public int offset() {
    if (offset < 0) {
      throw new IllegalStateException("the label was never bound");
    }
    return offset;
  }
}
