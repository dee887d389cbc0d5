package io.github.attn4j.cpu.asm.sim;

import org.jspecify.annotations.Nullable;

/** General registers, the stack, and where the program goes on. */
@SuppressWarnings("OperatorPrecedence") // Bit fields put together with | and shifts.
final class GeneralSteps {
  private GeneralSteps() {}

  /** What an operand holds, widened to 64 bits. */
  private interface Value {
    long of(Machine m);
  }

  private interface Condition {
    boolean holds(Machine m);
  }

  private interface Arithmetic {
    long apply(Machine m, long left, long right);
  }

  /** The instruction, or null if it is none of these. */
  static @Nullable Step decode(Instruction i) {
    return switch (i.mnemonic()) {
      case "mov", "movabs", "movzx" -> i.operand(0) instanceof Operand.Place ? store(i) : load(i);
      case "movsxd" -> {
        Value from = value(i.operand(1));
        yield write(i.register(0), m -> (int) from.of(m));
      }
      case "lea" -> {
        Operand.Place place = i.place(1);
        yield write(i.register(0), m -> m.address(place));
      }
      case "add" -> arithmetic(i, GeneralSteps::add, true);
      case "sub" -> arithmetic(i, GeneralSteps::subtract, true);
      case "cmp" -> arithmetic(i, GeneralSteps::subtract, false);
      case "and" -> arithmetic(i, (m, a, b) -> logical(m, a & b), true);
      case "test" -> arithmetic(i, (m, a, b) -> logical(m, a & b), false);
      case "xor" -> arithmetic(i, (m, a, b) -> logical(m, a ^ b), true);
      case "shl" -> arithmetic(i, GeneralSteps::shiftLeft, true);
      case "shr" -> arithmetic(i, GeneralSteps::shiftRight, true);
      case "imul" -> multiply(i);
      case "push" -> {
        Value from = value(i.operand(0));
        yield m -> m.push(from.of(m));
      }
      case "pop" -> write(i.register(0), Machine::pop);
      case "nop", "prefetcht0", "prefetcht1" -> m -> {};
      default -> control(i);
    };
  }

  private static Value value(Operand operand) {
    return switch (operand) {
      case Operand.Register(int n, int bits) when bits == 64 -> m -> m.general[n];
      case Operand.Register(int n, int bits) -> m -> m.general[n] & (1L << bits) - 1;
      case Operand.Immediate(long constant) -> m -> constant;
      case Operand.Place place -> m -> m.memory.get(m.address(place), place.bytes());
      default -> throw new IllegalArgumentException("no general operand: " + operand);
    };
  }

  /** Writes a register; what has 32 bits clears the upper half. */
  private static Step write(Operand.Register to, Value from) {
    int n = to.number();
    return to.bits() == 64
        ? m -> m.general[n] = from.of(m)
        : m -> m.general[n] = from.of(m) & 0xFFFFFFFFL;
  }

  private static Step load(Instruction i) {
    return write(i.register(0), value(i.operand(1)));
  }

  private static Step store(Instruction i) {
    Operand.Place to = i.place(0);
    Value from = value(i.operand(1));
    return m -> m.memory.put(m.address(to), to.bytes(), from.of(m));
  }

  private static Step arithmetic(Instruction i, Arithmetic operation, boolean writes) {
    Operand.Register to = wide(i.register(0));
    int n = to.number();
    Value right = value(i.operand(1));
    return writes
        ? m -> m.general[n] = operation.apply(m, m.general[n], right.of(m))
        : m -> operation.apply(m, m.general[n], right.of(m));
  }

  private static Operand.Register wide(Operand.Register r) {
    if (r.bits() != 64) {
      throw new IllegalArgumentException("arithmetic: expected 64 bits, got " + r);
    }
    return r;
  }

  private static long add(Machine m, long a, long b) {
    long sum = a + b;
    m.flags(sum, Long.compareUnsigned(sum, a) < 0, ((a ^ sum) & (b ^ sum)) < 0);
    return sum;
  }

  private static long subtract(Machine m, long a, long b) {
    long difference = a - b;
    m.flags(difference, Long.compareUnsigned(a, b) < 0, ((a ^ b) & (a ^ difference)) < 0);
    return difference;
  }

  private static long logical(Machine m, long result) {
    m.flags(result, false, false);
    return result;
  }

  private static long shiftLeft(Machine m, long a, long count) {
    int by = (int) count & 63;
    if (by > 0) {
      m.flags(a << by, (a >>> (64 - by) & 1) != 0, false);
    }
    return a << by;
  }

  private static long shiftRight(Machine m, long a, long count) {
    int by = (int) count & 63;
    if (by > 0) {
      m.flags(a >>> by, (a >>> (by - 1) & 1) != 0, false);
    }
    return a >>> by;
  }

  private static Step multiply(Instruction i) {
    int n = wide(i.register(0)).number();
    Value left = value(i.operand(i.count() - 2));
    Value right = value(i.operand(i.count() - 1));
    return m -> {
      long a = left.of(m);
      long b = right.of(m);
      boolean tooWide = Math.multiplyHigh(a, b) != a * b >> 63;
      m.flags(a * b, tooWide, tooWide);
      m.general[n] = a * b;
    };
  }

  private static @Nullable Step control(Instruction i) {
    return switch (i.mnemonic()) {
      case "jmp" -> {
        int target = i.immediate();
        yield m -> m.next = target;
      }
      case "call" -> {
        int target = i.immediate();
        yield m -> {
          m.push(m.code + m.next);
          m.next = target;
        };
      }
      case "ret" -> m -> m.next = (int) (m.pop() - m.code);
      case "jb" -> jump(i, m -> m.carry);
      case "jae" -> jump(i, m -> !m.carry);
      case "je" -> jump(i, m -> m.zero);
      case "jne" -> jump(i, m -> !m.zero);
      case "jl" -> jump(i, m -> m.sign != m.overflow);
      case "jge" -> jump(i, m -> m.sign == m.overflow);
      case "jle" -> jump(i, m -> m.zero || m.sign != m.overflow);
      case "jg" -> jump(i, m -> !m.zero && m.sign == m.overflow);
      default -> null;
    };
  }

  private static Step jump(Instruction i, Condition condition) {
    int target = i.immediate();
    return m -> {
      if (condition.holds(m)) {
        m.next = target;
      }
    };
  }
}
