package io.github.attn4j.cpu.asm;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.cpu.asm.sim.Disassembly;
import io.github.attn4j.testkit.Cases;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** Random instructions, each with the text a disassembler should find in its bytes. */
class Sample {
  private static final List<Gpr> REGISTERS = List.of(Gpr.values());

  private static final List<String> DWORD_NAMES =
      List.of(
          "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d",
          "r12d", "r13d", "r14d", "r15d");

  final Assembler a = new Assembler();
  final Random random;
  private final long seed = Long.getLong(Cases.SEED, 1);
  private final List<Disassembly.Line> expected = new ArrayList<>();

  Sample() {
    random = new Random(seed);
  }

  /** Says what was written since the last call. */
  void expect(int offset, String text) {
    expected.add(new Disassembly.Line(offset, text));
  }

  /** Compares all that was expected with what a disassembler finds. */
  void check() {
    List<Disassembly.Line> found = Disassembly.of(a.bytes()).lines();
    for (int i = 0; i < expected.size(); i++) {
      assertThat(found.get(Math.min(i, found.size() - 1)))
          .as("instruction %d, -D%s=%d", i, Cases.SEED, seed)
          .isEqualTo(expected.get(i));
    }
    assertThat(found).hasSameSizeAs(expected);
  }

  // ---- operands ----

  Gpr gpr() {
    return REGISTERS.get(random.nextInt(REGISTERS.size()));
  }

  static String text(Gpr r) {
    return r.name().toLowerCase(Locale.ROOT);
  }

  static String dword(Gpr r) {
    return DWORD_NAMES.get(r.number);
  }

  int oneOf(int... values) {
    return values[random.nextInt(values.length)];
  }

  /**
   * A place whose displacement is often at the ends of what one byte holds.
   *
   * @param unit bytes that one unit of a compressed displacement may stand for
   */
  Mem mem(int unit) {
    Gpr index = gpr();
    int displacement =
        switch (random.nextInt(4)) {
          case 0 -> 0;
          case 1 -> unit * oneOf(-129, -128, -127, -1, 1, 126, 127, 128);
          case 2 -> random.nextInt(-200, 200);
          default -> random.nextInt();
        };
    return index == Gpr.RSP
        ? Mem.at(gpr(), displacement)
        : Mem.at(gpr(), index, oneOf(1, 2, 4, 8), displacement);
  }

  static String text(Mem m) {
    StringBuilder text = new StringBuilder("[").append(text(m.base()));
    if (m.index() != null) {
      text.append('+').append(text(m.index())).append('*').append(m.scale());
    }
    int displacement = m.displacement();
    // These have a displacement in any encoding.
    if (displacement != 0 || m.base() == Gpr.RBP || m.base() == Gpr.R13) {
      text.append(displacement < 0 ? "-0x" : "+0x")
          .append(Long.toHexString(Math.abs((long) displacement)));
    }
    return text.append(']').toString();
  }

  /** A place that a number of bytes is read from or written to. */
  static String text(Mem m, int bytes) {
    String size =
        switch (bytes) {
          case 1 -> "BYTE";
          case 2 -> "WORD";
          case 4 -> "DWORD";
          case 8 -> "QWORD";
          case 16 -> "XMMWORD";
          case 32 -> "YMMWORD";
          case 64 -> "ZMMWORD";
          default -> throw new IllegalArgumentException("bytes: got " + bytes);
        };
    return size + (m.broadcast() ? " BCST " : " PTR ") + text(m);
  }

  static String text(Vec v) {
    char letter = v.bits() == 128 ? 'x' : v.bits() == 256 ? 'y' : 'z';
    return letter + "mm" + v.number() + mask(v);
  }

  /** The suffix that says which lanes count. */
  static String mask(Vec v) {
    return v.mask() == 0 ? "" : "{k%d}%s".formatted(v.mask(), v.zeroing() ? "{z}" : "");
  }

  /** A number of 32 bits with sign, as it stands for 64. */
  static String text(long value) {
    return "0x" + Long.toHexString(value);
  }
}
