package io.github.attn4j.cpu.asm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.sim.Disassembly;
import io.github.attn4j.cpu.asm.sim.Simulator;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The simulator and the processor leave the same bits in all registers and in memory, for every
 * instruction that the processor has: the ground for believing the simulator in the others.
 */
@SuppressWarnings("restricted") // Running code of one's own is what is tested.
final class SimulatedInstructionsTest {
  private static final int ROUNDS = 40;
  private static final int VECTORS = 32;
  private static final int MASKS_AT = VECTORS * 64;
  private static final int GENERAL_AT = MASKS_AT + 8 * 8;
  private static final int MEMORY_AT = GENERAL_AT + 64;
  private static final int STATE = MEMORY_AT + 64 * 64;

  /** Registers that instructions may use: a function need not keep them. */
  private static final List<Gpr> FREE = List.of(Gpr.RAX, Gpr.RCX, Gpr.RDX, Gpr.R8, Gpr.R9, Gpr.R10);

  /** Those, and one that counts conditions. */
  private static final List<Gpr> HELD =
      List.of(Gpr.RAX, Gpr.RCX, Gpr.RDX, Gpr.R8, Gpr.R9, Gpr.R10, Gpr.R11);

  /** Zeros, infinities, quiet and signalling NaNs, subnormal numbers, ends of the range. */
  private static final int[] SPECIAL = {
    0,
    0x80000000,
    0x7F800000,
    0xFF800000,
    0x7FC12345,
    0xFFC54321,
    0x7F812345,
    0xFF854321,
    1,
    0x80000001,
    0x007FFFFF,
    0x00800000,
    0x7F7FFFFF,
    0xFF7FFFFF,
    0x7FFFFFFF,
    0x33000000,
    0x477FF000
  };

  private static final MethodHandle CALL =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));

  /** Operands that exist: memory is that behind rdi, rsi 64. */
  private static final class Executable extends Sample {
    @Override
    Gpr gpr() {
      return FREE.get(random.nextInt(FREE.size()));
    }

    @Override
    Mem mem(int unit) {
      int displacement = MEMORY_AT + 64 * (1 + random.nextInt(62));
      return random.nextBoolean()
          ? Mem.at(Gpr.RDI, displacement)
          : Mem.at(Gpr.RDI, Gpr.RSI, 1, displacement - 64);
    }
  }

  /**
   * A function of one instruction.
   *
   * @param entry where it starts
   * @param at where its instruction starts
   */
  private record Single(int entry, int at, String text) {}

  private final Sample s = new Executable();
  private final Assembler a = s.a;
  private final List<Single> singles = new ArrayList<>();
  private final Set<CpuFeatures> features = EnumSet.noneOf(CpuFeatures.class);
  private boolean wide;

  @BeforeEach
  void processor() {
    Disassembly.require();
    features.addAll(CpuFeatures.available());
    wide = features.containsAll(EnumSet.range(CpuFeatures.AVX512F, CpuFeatures.AVX512VL));
    if (!wide) {
      System.err.println(
          "SKIPPED in part: no AVX-512 here, the simulator is compared in VEX only.");
    }
  }

  @Test
  void vectorInstructions() throws Throwable {
    RandomInstruction instruction = new RandomInstruction(s);
    Label load = a.here();
    load();
    Label store = a.here();
    store();
    for (VectorOp op : VectorOp.values()) {
      for (int round = 0; round < ROUNDS && exists(op); round++) {
        int entry = a.size();
        a.call(load);
        int at = a.size();
        singles.add(new Single(entry, at, instruction.write(op)));
        a.call(store);
        a.ret();
      }
    }
    compare();
  }

  /** Every condition after every instruction that sets flags, also where sums overflow. */
  @Test
  void generalInstructions() throws Throwable {
    Label load = a.here();
    load();
    Label store = a.here();
    store();
    for (int round = 0; round < 10 * ROUNDS; round++) {
      int entry = a.size();
      a.call(load);
      int at = a.size();
      a.test(Gpr.RAX, Gpr.RAX);
      for (int n = 0; n < 8; n++) {
        general();
      }
      singles.add(new Single(entry, at, "general instructions"));
      a.call(store);
      a.ret();
    }
    compare();
  }

  @Test
  void maskInstructions() throws Throwable {
    Label load = a.here();
    load();
    Label store = a.here();
    store();
    for (int round = 0; wide && round < 5 * ROUNDS; round++) {
      int entry = a.size();
      a.call(load);
      int at = a.size();
      int k = s.random.nextInt(8);
      a.kmovw(s.random.nextInt(8), s.gpr());
      a.kmovw(s.gpr(), s.random.nextInt(8));
      a.kandw(k, s.random.nextInt(8), s.random.nextInt(8));
      a.kmovq(s.random.nextInt(8), s.gpr());
      a.kortestw(k, s.random.nextInt(8));
      count();
      singles.add(new Single(entry, at, "mask instructions"));
      a.call(store);
      a.ret();
    }
    compare();
  }

  private boolean exists(VectorOp op) {
    return switch (op) {
      case VDPBF16PS, VCVTNEPS2BF16, VCVTNE2PS2BF16 -> features.contains(CpuFeatures.AVX512_BF16);
      case VPDPBUSD -> features.contains(CpuFeatures.AVX512_VNNI);
      case VCVTPH2PS, VCVTPS2PH -> features.contains(CpuFeatures.F16C);
      default -> features.contains(CpuFeatures.AVX2);
    };
  }

  private void general() {
    Gpr r = s.gpr();
    Gpr other = s.gpr();
    int value = s.random.nextBoolean() ? s.random.nextInt() : s.random.nextInt(-3, 3);
    switch (s.random.nextInt(18)) {
      case 0 -> a.add(r, other);
      case 1 -> a.add(r, s.mem(1));
      case 2 -> a.add(r, value);
      case 3 -> a.sub(r, other);
      case 4 -> a.sub(r, value);
      case 5 -> a.and(r, value);
      case 6 -> a.cmp(r, other);
      case 7 -> a.cmp(r, s.mem(1));
      case 8 -> a.cmp(r, value);
      case 9 -> a.test(r, other);
      case 10 -> a.zero(r);
      case 11 -> a.lea(r, Mem.at(r, other, s.oneOf(1, 2, 4, 8), value));
      case 12 -> a.movsxd(r, s.mem(1));
      case 13 -> {
        a.movzxByte(r, s.mem(1));
        a.movzxWord(other, s.mem(1));
      }
      case 14 -> a.movDword(r, s.mem(1));
      case 15 -> {
        a.push(r);
        a.mov(s.mem(1), other);
        a.movDword(s.mem(1), r);
        a.pop(other);
      }
      case 16 -> {
        // Flags that multiplications and shifts leave undefined are set again.
        if (s.random.nextBoolean()) {
          a.imul(r, other);
        } else {
          a.imul(r, other, value);
        }
        a.test(r, r);
      }
      default -> {
        int count = 1 + s.random.nextInt(63);
        if (s.random.nextBoolean()) {
          a.shl(r, count);
        } else if (s.random.nextBoolean()) {
          a.shr(r, count);
        } else {
          a.shrCl(r);
        }
        a.cmp(r, other);
      }
    }
    count();
  }

  /** Leaves in a register which conditions hold, without a change of the flags. */
  private void count() {
    for (Condition condition : Condition.values()) {
      Label skip = new Label();
      a.jump(condition, skip);
      a.lea(Gpr.R11, Mem.at(Gpr.R11, Gpr.R11, 2, 1 + condition.name().length()));
      a.bind(skip);
    }
  }

  // ---- from memory to registers and back ----

  private void load() {
    int bits = wide ? 512 : 256;
    for (int v = 0; v < bits / 16; v++) {
      a.vector(VectorOp.VMOVUPS, Vec.of(v, bits), Mem.at(Gpr.RDI, 64 * v));
    }
    for (int k = 0; wide && k < 8; k++) {
      a.mov(Gpr.RAX, Mem.at(Gpr.RDI, MASKS_AT + 8 * k));
      a.kmovq(k, Gpr.RAX);
    }
    for (Gpr r : HELD) {
      a.mov(r, Mem.at(Gpr.RDI, GENERAL_AT + 8 * HELD.indexOf(r)));
    }
    a.ret();
  }

  private void store() {
    int bits = wide ? 512 : 256;
    for (Gpr r : HELD) {
      a.mov(Mem.at(Gpr.RDI, GENERAL_AT + 8 * HELD.indexOf(r)), r);
    }
    for (int v = 0; v < bits / 16; v++) {
      a.vector(VectorOp.VMOVUPS_STORE, Mem.at(Gpr.RDI, 64 * v), Vec.of(v, bits));
    }
    for (int k = 0; wide && k < 8; k++) {
      a.kmovw(Gpr.RAX, k);
      a.mov(Mem.at(Gpr.RDI, MASKS_AT + 8 * k), Gpr.RAX);
    }
    a.ret();
  }

  // ---- both ----

  private void compare() throws Throwable {
    byte[] code = a.bytes();
    Simulator simulator = new Simulator(code);
    MemorySegment placed = CodePages.place(code);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment real = arena.allocate(STATE, 64);
      MemorySegment simulated = arena.allocate(STATE, 64);
      simulator.restrict(simulated);
      int compared = 0;
      for (Single single : singles) {
        // A first byte of 0x62 is what only AVX-512 has.
        if (!wide && code[single.at] == 0x62) {
          continue;
        }
        fill(real);
        simulated.copyFrom(real);
        MemorySegment function = MemorySegment.ofAddress(placed.address() + single.entry);
        CALL.invokeExact(function, real.address(), 64L);
        long ignored = simulator.call(single.entry, simulated.address(), 64L);
        long different = real.mismatch(simulated) & -4;
        assertThat(different)
            .as(() -> difference(single, real, simulated, different))
            .isEqualTo(-4);
        compared++;
      }
      assertThat(compared > 0 || !wide).isTrue();
    }
  }

  private static String difference(
      Single single, MemorySegment real, MemorySegment simulated, long at) {
    return "%s: at byte %d of vectors, masks, registers, memory: processor %08x, simulator %08x"
        .formatted(single.text, at, real.get(JAVA_INT, at), simulated.get(JAVA_INT, at));
  }

  /** Numbers of all kinds: what is special must meet what is special. */
  private void fill(MemorySegment state) {
    for (long at = 0; at < STATE; at += 4) {
      int word =
          switch (s.random.nextInt(8)) {
            case 0 -> s.random.nextInt();
            case 1 -> s.random.nextInt(-40, 40);
            case 2 -> Float.floatToRawIntBits(s.random.nextInt(-40, 40) / 4f);
            case 3 -> SPECIAL[s.random.nextInt(SPECIAL.length)];
            default -> Float.floatToRawIntBits((float) s.random.nextGaussian());
          };
      state.set(JAVA_INT, at, word);
    }
  }
}
