package io.github.attn4j.cpu.asm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.sim.Disassembly;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.ObjIntConsumer;
import org.junit.jupiter.api.Test;

/**
 * The bytes of general and mask instructions, of jumps and labels, say to an independent
 * disassembler what was asked for.
 */
final class AssemblerTest {
  private static final int ROUNDS = 100;

  private final Sample s = new Sample();
  private final Assembler a = s.a;

  private void many(Runnable one) {
    for (int round = 0; round < ROUNDS; round++) {
      one.run();
    }
  }

  private void binary(String name, BiConsumer<Gpr, Gpr> instruction) {
    Gpr to = s.gpr();
    Gpr from = s.gpr();
    int at = a.size();
    instruction.accept(to, from);
    s.expect(at, name + " " + Sample.text(to) + "," + Sample.text(from));
  }

  private void load(String name, int bytes, BiConsumer<Gpr, Mem> instruction) {
    Gpr to = s.gpr();
    Mem from = s.mem(1);
    int at = a.size();
    instruction.accept(to, from);
    String place = bytes == 0 ? Sample.text(from) : Sample.text(from, bytes);
    s.expect(at, name + " " + Sample.text(to) + "," + place);
  }

  private void immediate(String name, ObjIntConsumer<Gpr> instruction) {
    Gpr r = s.gpr();
    int value = s.random.nextBoolean() ? s.oneOf(-129, -128, -1, 0, 127, 128) : s.random.nextInt();
    int at = a.size();
    instruction.accept(r, value);
    s.expect(at, name + Sample.text(r) + "," + Sample.text(value));
  }

  private void unary(String name, Consumer<Gpr> instruction) {
    Gpr r = s.gpr();
    int at = a.size();
    instruction.accept(r);
    s.expect(at, name.formatted(Sample.text(r)));
  }

  private void plain(String name, Runnable instruction) {
    int at = a.size();
    instruction.run();
    s.expect(at, name);
  }

  @Test
  void generalInstructions() {
    Disassembly.require();
    many(() -> {
      binary("mov", a::mov);
      binary("add", a::add);
      binary("sub", a::sub);
      binary("cmp", a::cmp);
      binary("test", a::test);
      binary("imul", a::imul);
      load("mov", 8, a::mov);
      load("add", 8, a::add);
      load("cmp", 8, a::cmp);
      load("lea", 0, a::lea);
      load("movsxd", 4, a::movsxd);
      load("movzx", 1, a::movzxByte);
      load("movzx", 2, a::movzxWord);
      immediate("add ", a::add);
      immediate("sub ", a::sub);
      immediate("and ", a::and);
      immediate("cmp ", a::cmp);
      immediate("mov ", a::mov);
      unary("push %s", a::push);
      unary("pop %s", a::pop);
      unary("shr %s,cl", a::shrCl);
      unary("xor %1$s,%1$s", a::zero);
      unary("shl %s,0x5", r -> a.shl(r, 5));
      unary("shr %s,0x3f", r -> a.shr(r, 63));
      unary("movabs %s,0x123456789abcdef0", r -> a.mov(r, 0x123456789abcdef0L));
      unary("movabs %s,0x80000000", r -> a.mov(r, 1L << 31));
      immediate("imul r13,", (r, value) -> a.imul(Gpr.R13, r, value));
    });
    plain("ret", a::ret);
    plain("cpuid", a::cpuid);
    plain("xgetbv", a::xgetbv);
    plain("vzeroupper", a::vzeroupper);
    s.check();
  }

  /** The forms whose operands come in another order or size. */
  @Test
  void storesAndHalves() {
    Disassembly.require();
    many(() -> {
      Gpr r = s.gpr();
      Mem m = s.mem(1);
      plain("mov %s,%s".formatted(Sample.text(m, 8), Sample.text(r)), () -> a.mov(m, r));
      plain("mov %s,%s".formatted(Sample.text(m, 4), Sample.dword(r)), () -> a.movDword(m, r));
      plain("mov %s,%s".formatted(Sample.dword(r), Sample.text(m, 4)), () -> a.movDword(r, m));
      plain("prefetcht0 " + Sample.text(m, 1), () -> a.prefetch(m));
      plain("prefetcht1 " + Sample.text(m, 1), () -> a.prefetchSecond(m));
    });
    s.check();
  }

  @Test
  void maskInstructions() {
    Disassembly.require();
    many(() -> {
      int k = s.random.nextInt(8);
      int left = s.random.nextInt(8);
      int right = s.random.nextInt(8);
      Gpr r = s.gpr();
      plain("kmovw k%d,%s".formatted(k, Sample.dword(r)), () -> a.kmovw(k, r));
      plain("kmovw %s,k%d".formatted(Sample.dword(r), k), () -> a.kmovw(r, k));
      plain("kmovq k%d,%s".formatted(k, Sample.text(r)), () -> a.kmovq(k, r));
      plain("kandw k%d,k%d,k%d".formatted(k, left, right), () -> a.kandw(k, left, right));
      plain("kortestw k%d,k%d".formatted(left, right), () -> a.kortestw(left, right));
    });
    s.check();
  }

  /** Jumps reach their labels from before and from behind, over any distance. */
  @Test
  void jumps() {
    Disassembly.require();
    List<String> names = List.of("jb", "jae", "je", "jne", "jl", "jge", "jle", "jg");
    Label start = a.here();
    Label end = new Label();
    int size = 6 * names.size() + 5 + 5 + 7;
    for (Condition condition : Condition.values()) {
      String name = names.get(List.of(Condition.values()).indexOf(condition));
      plain(name + " 0x" + Integer.toHexString(size), () -> a.jump(condition, end));
    }
    plain("jmp 0x0", () -> a.jmp(start));
    plain("call 0x" + Integer.toHexString(size), () -> a.call(end));
    plain("lea r9,[rip+0x0]", () -> a.lea(Gpr.R9, end));
    a.bind(end);
    plain("lea r15,[rip+0xffffffffffffffb8]", () -> a.lea(Gpr.R15, start));
    s.check();
  }

  /** Padding is instructions that do nothing, up to where the next one is wanted. */
  @Test
  void alignment() {
    Disassembly.require();
    for (int before = 0; before < 64; before++) {
      for (int i = 0; i < before; i++) {
        a.ret();
      }
      a.align(64);
      assertThat(a.size() % 64).isZero();
      a.cpuid();
    }
    List<Disassembly.Line> lines = Disassembly.of(a.bytes()).lines();
    assertThat(lines)
        .allMatch(line -> line.text().matches("ret|cpuid|nop( .*)?|xchg ax,ax"))
        .filteredOn(line -> line.text().equals("ret"))
        .hasSize(64 * 63 / 2);
    assertThat(lines).filteredOn(line -> line.text().equals("cpuid")).hasSize(64);
  }

  /** A label forgotten would be a jump to the next instruction; one bound twice, to two places. */
  @Test
  void labelsAreBoundOnce() {
    Label label = new Label();
    a.jmp(label);
    assertThatThrownBy(a::bytes)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("labels: 1 uses of ones never bound");
    a.bind(label);
    assertThat(a.bytes()).containsExactly(0xE9, 0, 0, 0, 0);
    assertThatThrownBy(() -> a.bind(label))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("label: bound before, at 5");
  }
}
