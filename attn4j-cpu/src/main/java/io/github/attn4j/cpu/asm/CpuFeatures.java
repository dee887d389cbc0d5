package io.github.attn4j.cpu.asm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.attn4j.cpu.asm.Assembler.Condition;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What the processor can execute, asked of the processor itself, and of the operating system where
 * registers must be saved: an instruction counts only if both agree.
 */
public enum CpuFeatures {
  FMA(Register.ECX, 1, 0, 12, 0x6),
  F16C(Register.ECX, 1, 0, 29, 0x6),
  AVX2(Register.EBX, 7, 0, 5, 0x6),
  AVX512F(Register.EBX, 7, 0, 16, 0xE6),
  AVX512DQ(Register.EBX, 7, 0, 17, 0xE6),
  AVX512BW(Register.EBX, 7, 0, 30, 0xE6),
  AVX512VL(Register.EBX, 7, 0, 31, 0xE6),
  AVX512_VNNI(Register.ECX, 7, 0, 11, 0xE6),
  AVX512_BF16(Register.EAX, 7, 1, 5, 0xE6);

  /**
   * Names features, separated by commas, that are to count as absent: a machine without them can be
   * tried on one that has them.
   */
  public static final String WITHOUT_PROPERTY = "attn4j.cpu.without";

  /** The registers of an answer, by the place they are stored at. */
  private enum Register {
    EAX(0),
    EBX(1),
    ECX(2);

    private final int place;

    Register(int place) {
      this.place = place;
    }
  }

  private final Register register;
  private final int leaf;
  private final int subleaf;
  private final int bit;

  /** State that the system must save: bits of the register XCR0. */
  private final int state;

  CpuFeatures(Register register, int leaf, int subleaf, int bit, int state) {
    this.register = register;
    this.leaf = leaf;
    this.subleaf = subleaf;
    this.bit = bit;
    this.state = state;
  }

  /**
   * As {@code /proc/cpuinfo} spells it.
   *
   * @return lower case
   */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * What is there and not named by {@link #WITHOUT_PROPERTY}.
   *
   * @return the features
   * @throws IllegalStateException if the machine is none that can be asked, or gives no memory for
   *     code; says why
   * @throws IllegalArgumentException if the property names something else than a feature
   */
  public static Set<CpuFeatures> available() {
    requirePlatform();
    Set<CpuFeatures> found = EnumSet.noneOf(CpuFeatures.class);
    found.addAll(detect());
    found.removeAll(without(System.getProperty(WITHOUT_PROPERTY, "")));
    return found;
  }

  private static void requirePlatform() {
    String os = System.getProperty("os.name");
    String arch = System.getProperty("os.arch");
    if (!os.equals("Linux") || !arch.equals("amd64")) {
      throw new IllegalStateException(
          "code is emitted for Linux on amd64; this is %s on %s".formatted(os, arch));
    }
  }

  /**
   * Features named in a list, which also names what builds on them: without avx512f, none of it.
   */
  static Set<CpuFeatures> without(String list) {
    Set<CpuFeatures> absent = EnumSet.noneOf(CpuFeatures.class);
    for (String name : list.split(",")) {
      if (name.isBlank()) {
        continue;
      }
      CpuFeatures feature =
          Arrays.stream(values())
              .filter(known -> known.label().equals(name.strip()))
              .findFirst()
              .orElseThrow(() -> unknown(name));
      absent.add(feature);
      if (feature == AVX2 || feature == FMA) {
        absent.addAll(EnumSet.allOf(CpuFeatures.class));
      }
      if (feature == AVX512F) {
        absent.addAll(EnumSet.range(AVX512F, AVX512_BF16));
      }
    }
    return absent;
  }

  private static IllegalArgumentException unknown(String name) {
    String known =
        Arrays.stream(values()).map(CpuFeatures::label).collect(Collectors.joining(", "));
    return new IllegalArgumentException(
        "%s: expected some of %s, got %s".formatted(WITHOUT_PROPERTY, known, name));
  }

  @SuppressWarnings("restricted") // The processor can only be asked by code of one's own.
  private static Set<CpuFeatures> detect() {
    Set<CpuFeatures> found = EnumSet.noneOf(CpuFeatures.class);
    MethodHandle ask =
        Linker.nativeLinker()
            .downcallHandle(
                CodePages.place(questions()),
                FunctionDescriptor.ofVoid(JAVA_INT, JAVA_INT, JAVA_LONG));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment answer = arena.allocate(5L * Integer.BYTES, 16);
      ask.invokeExact(0, 0, answer.address());
      int leaves = answer.getAtIndex(JAVA_INT, Register.EAX.place);
      for (CpuFeatures feature : values()) {
        if (feature.leaf > leaves) {
          continue;
        }
        ask.invokeExact(feature.leaf, 0, answer.address());
        int subleaves = answer.getAtIndex(JAVA_INT, Register.EAX.place);
        if (feature.subleaf > 0 && feature.subleaf > subleaves) {
          continue;
        }
        ask.invokeExact(feature.leaf, feature.subleaf, answer.address());
        int bits = answer.getAtIndex(JAVA_INT, feature.register.place);
        int saved = answer.getAtIndex(JAVA_INT, 4);
        if ((bits >>> feature.bit & 1) != 0 && (saved & feature.state) == feature.state) {
          found.add(feature);
        }
      }
    } catch (RuntimeException | Error thrown) {
      throw thrown;
    } catch (Throwable thrown) {
      throw new IllegalStateException(thrown);
    }
    return found;
  }

  /**
   * {@code void ask(int leaf, int subleaf, int[5] answer)}: the four registers of cpuid, and what
   * the system saves, zero if it does not tell.
   */
  private static byte[] questions() {
    Assembler a = new Assembler();
    Label done = new Label();
    a.push(Gpr.RBX);
    a.mov(Gpr.R8, Gpr.RDX);
    // Whether xgetbv exists is itself an answer: bit 27 of ecx in leaf 1.
    a.mov(Gpr.RAX, 1);
    a.zero(Gpr.RCX);
    a.cpuid();
    a.mov(Gpr.R9, Gpr.RCX);
    a.mov(Gpr.RAX, Gpr.RDI);
    a.mov(Gpr.RCX, Gpr.RSI);
    a.cpuid();
    a.movDword(Mem.at(Gpr.R8, 0), Gpr.RAX);
    a.movDword(Mem.at(Gpr.R8, 4), Gpr.RBX);
    a.movDword(Mem.at(Gpr.R8, 8), Gpr.RCX);
    a.movDword(Mem.at(Gpr.R8, 12), Gpr.RDX);
    a.zero(Gpr.RAX);
    a.shr(Gpr.R9, 27);
    a.and(Gpr.R9, 1);
    a.jump(Condition.EQUAL, done);
    a.zero(Gpr.RCX);
    a.xgetbv();
    a.bind(done);
    a.movDword(Mem.at(Gpr.R8, 16), Gpr.RAX);
    a.pop(Gpr.RBX);
    a.ret();
    return a.bytes();
  }
}
