package io.github.attn4j.cpu.asm.sim;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What stands between the commas of an instruction's text. */
sealed interface Operand {
  /** A general register, of which some low bits count. */
  record Register(int number, int bits) implements Operand {}

  /** A vector register; as a destination, perhaps masked. */
  record Vector(int number, int bits, int mask, boolean zeroing) implements Operand {}

  /** A mask register, written where another one says so. */
  record Mask(int number, int mask) implements Operand {}

  /** A constant, or the offset that a jump goes to. */
  record Immediate(long value) implements Operand {}

  /**
   * A place in memory.
   *
   * @param base number of a register, or {@link #RIP}
   * @param index number of a register, or {@link #NONE}
   * @param bytes that are read or written; of one element if all lanes read the same
   * @param mask number of the mask register that says which elements are written
   * @param lanes how many read the same, where no other operand tells; else 0
   */
  record Place(
      int base,
      int index,
      int scale,
      long displacement,
      int bytes,
      boolean broadcast,
      int mask,
      int lanes)
      implements Operand {}

  /** No register. */
  int NONE = -1;

  /** The address behind the instruction. */
  int RIP = -2;

  List<String> QWORDS =
      List.of(
          "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
          "r13", "r14", "r15");
  List<String> DWORDS =
      List.of(
          "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d",
          "r12d", "r13d", "r14d", "r15d");
  Pattern VECTOR = Pattern.compile("([xyz])mm(\\d+)(?:\\{k(\\d)\\})?(\\{z\\})?");
  Pattern MASK = Pattern.compile("k(\\d)(?:\\{k(\\d)\\})?");
  Pattern PLACE =
      Pattern.compile(
          "(?:([A-Z]+) (PTR|BCST) )?\\[(\\w+)(?:\\+(\\w+)\\*(\\d))?(?:([+-])0x([0-9a-f]+))?\\]"
              + "(?:\\{k(\\d)\\})?(?:\\{1to(\\d+)\\})?");

  /**
   * Reads an operand.
   *
   * @throws IllegalArgumentException if it is none that emitted code has
   */
  static Operand parse(String text) {
    if (QWORDS.contains(text)) {
      return new Register(QWORDS.indexOf(text), 64);
    }
    if (DWORDS.contains(text)) {
      return new Register(DWORDS.indexOf(text), 32);
    }
    if (text.equals("cl")) {
      return new Register(1, 8);
    }
    Matcher m = VECTOR.matcher(text);
    if (m.matches()) {
      int bits = 128 << "xyz".indexOf(m.group(1));
      return new Vector(Integer.parseInt(m.group(2)), bits, number(m.group(3)), m.group(4) != null);
    }
    m = MASK.matcher(text);
    if (m.matches()) {
      return new Mask(Integer.parseInt(m.group(1)), number(m.group(2)));
    }
    m = PLACE.matcher(text);
    if (m.matches()) {
      return place(m);
    }
    if (text.startsWith("0x")) {
      return new Immediate(Long.parseUnsignedLong(text.substring(2), 16));
    }
    if (text.equals("1")) {
      return new Immediate(1);
    }
    throw new IllegalArgumentException("operand: nothing is known of " + text);
  }

  private static int number(String group) {
    return group == null ? 0 : Integer.parseInt(group);
  }

  private static Place place(Matcher m) {
    String base = m.group(3);
    // Behind rip, negative displacements are written as 64 bits.
    long displacement = m.group(7) == null ? 0 : Long.parseUnsignedLong(m.group(7), 16);
    return new Place(
        base.equals("rip") ? RIP : QWORDS.indexOf(base),
        m.group(4) == null ? NONE : QWORDS.indexOf(m.group(4)),
        m.group(5) == null ? 1 : Integer.parseInt(m.group(5)),
        "-".equals(m.group(6)) ? -displacement : displacement,
        m.group(1) == null ? 0 : bytes(m.group(1)),
        "BCST".equals(m.group(2)),
        number(m.group(8)),
        number(m.group(9)));
  }

  private static int bytes(String name) {
    return switch (name) {
      case "BYTE" -> 1;
      case "WORD" -> 2;
      case "DWORD" -> 4;
      case "QWORD" -> 8;
      case "XMMWORD" -> 16;
      case "YMMWORD" -> 32;
      case "ZMMWORD" -> 64;
      default -> throw new IllegalArgumentException("operand: nothing is known of size " + name);
    };
  }
}
