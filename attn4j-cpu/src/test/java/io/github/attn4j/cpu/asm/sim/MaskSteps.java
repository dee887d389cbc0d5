package io.github.attn4j.cpu.asm.sim;

import org.jspecify.annotations.Nullable;

/** Mask registers. */
final class MaskSteps {
  private MaskSteps() {}

  /** The instruction, or null if it is none of these. */
  static @Nullable Step decode(Instruction i) {
    return switch (i.mnemonic()) {
      case "kmovw" -> move(i, 0xFFFFL);
      case "kmovq" -> move(i, -1L);
      case "kandw" -> and(i);
      case "kortestw" -> test(i);
      default -> null;
    };
  }

  private static Step move(Instruction i, long bits) {
    return switch (i.operand(0)) {
      case Operand.Register(int to, int _) -> {
        int from = i.mask(1).number();
        yield m -> m.general[to] = m.masks[from] & bits;
      }
      default -> {
        int to = i.mask(0).number();
        int from = i.register(1).number();
        yield m -> m.masks[to] = m.general[from] & bits;
      }
    };
  }

  private static Step and(Instruction i) {
    int to = i.mask(0).number();
    int left = i.mask(1).number();
    int right = i.mask(2).number();
    return m -> m.masks[to] = m.masks[left] & m.masks[right] & 0xFFFFL;
  }

  private static Step test(Instruction i) {
    int left = i.mask(0).number();
    int right = i.mask(1).number();
    return m -> {
      long any = (m.masks[left] | m.masks[right]) & 0xFFFFL;
      m.flags(any, any == 0xFFFFL, false);
      // The sign of 16 lanes is never told.
      m.sign = false;
    };
  }
}
