package io.github.attn4j.cpu.asm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Writes x86-64 instructions one after the other. General instructions have a method each; vector
 * instructions go by {@link VectorOp}, operands as Intel writes them, destination first. A vector
 * instruction is encoded as VEX where it can be and as EVEX where it must be: 512 bits, registers
 * above 15, masks, one element read for all lanes.
 *
 * <p>Nothing is checked beyond what cannot be encoded: whether the processor has an instruction is
 * the caller's to know ({@link CpuFeatures}).
 */
@SuppressWarnings("OperatorPrecedence") // Bit fields put together with | and shifts.
public final class Assembler {
  /** Conditions of jumps, by the number of their encoding. */
  public enum Condition {
    BELOW(2),
    ABOVE_OR_EQUAL(3),
    EQUAL(4),
    NOT_EQUAL(5),
    LESS(12),
    GREATER_OR_EQUAL(13),
    LESS_OR_EQUAL(14),
    GREATER(15);

    private final int code;

    Condition(int code) {
      this.code = code;
    }
  }

  private byte[] code = new byte[4096];
  private int size;

  /** Jumps to labels that have no place yet. */
  private int waiting;

  /** An assembler that has written nothing. */
  public Assembler() {}

  /**
   * What was written.
   *
   * @return the bytes
   * @throws IllegalStateException if a jump has no place to go to; never seen in finished kernels
   */
  public byte[] bytes() {
    if (waiting > 0) {
      throw new IllegalStateException("labels: %d uses of ones never bound".formatted(waiting));
    }
    byte[] written = new byte[size];
    System.arraycopy(code, 0, written, 0, size);
    return written;
  }

  /**
   * Where the next instruction will stand.
   *
   * @return bytes from the start
   */
  public int size() {
    return size;
  }

  // ---- labels and jumps ----

  /**
   * Gives a label its place: here.
   *
   * @param label without a place
   * @throws IllegalStateException if it has one
   */
  public void bind(Label label) {
    if (label.offset >= 0) {
      throw new IllegalStateException("label: bound before, at " + label.offset);
    }
    label.offset = size;
    waiting -= label.waiting.size();
    for (int at : label.waiting) {
      patch(at, size - at - 4);
    }
    label.waiting.clear();
  }

  /**
   * A label of this place.
   *
   * @return the label
   */
  public Label here() {
    Label label = new Label();
    bind(label);
    return label;
  }

  /**
   * Pads with instructions that do nothing.
   *
   * @param multiple of bytes the next instruction is to start at, a power of two
   */
  public void align(int multiple) {
    int missing = -size & (multiple - 1);
    while (missing > 0) {
      int length = Math.min(missing, 9);
      for (byte b : NOPS[length - 1]) {
        put(b);
      }
      missing -= length;
    }
  }

  /** The manual's recommended instructions of one to nine bytes that do nothing. */
  private static final byte[][] NOPS = {
    {(byte) 0x90},
    {0x66, (byte) 0x90},
    {0x0F, 0x1F, 0x00},
    {0x0F, 0x1F, 0x40, 0x00},
    {0x0F, 0x1F, 0x44, 0x00, 0x00},
    {0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00},
    {0x0F, 0x1F, (byte) 0x80, 0x00, 0x00, 0x00, 0x00},
    {0x0F, 0x1F, (byte) 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    {0x66, 0x0F, 0x1F, (byte) 0x84, 0x00, 0x00, 0x00, 0x00, 0x00}
  };

  /**
   * Jumps.
   *
   * @param target where to
   */
  public void jmp(Label target) {
    put(0xE9);
    relative(target);
  }

  /**
   * Jumps if a condition holds.
   *
   * @param condition on the flags
   * @param target where to
   */
  public void jump(Condition condition, Label target) {
    put(0x0F);
    put(0x80 | condition.code);
    relative(target);
  }

  /**
   * Calls a subroutine.
   *
   * @param target its start
   */
  public void call(Label target) {
    put(0xE8);
    relative(target);
  }

  /** Returns. */
  public void ret() {
    put(0xC3);
  }

  private void relative(Label target) {
    if (target.offset < 0) {
      target.waiting.add(size);
      waiting++;
      putInt(0);
    } else {
      putInt(target.offset - size - 4);
    }
  }

  // ---- general instructions, 64 bits wide ----

  /** {@code push r}. */
  public void push(Gpr r) {
    if (r.number > 7) {
      put(0x41);
    }
    put(0x50 | r.number & 7);
  }

  /** {@code pop r}. */
  public void pop(Gpr r) {
    if (r.number > 7) {
      put(0x41);
    }
    put(0x58 | r.number & 7);
  }

  /** {@code mov to, from}. */
  public void mov(Gpr to, Gpr from) {
    general(0x8B, to.number, from);
  }

  /** {@code mov to, [from]}. */
  public void mov(Gpr to, Mem from) {
    general(0x8B, to.number, from, true);
  }

  /** {@code mov [to], from}. */
  public void mov(Mem to, Gpr from) {
    general(0x89, from.number, to, true);
  }

  /** {@code mov to, [from]}, 32 bits; the upper half of the register becomes zero. */
  public void movDword(Gpr to, Mem from) {
    general(0x8B, to.number, from, false);
  }

  /** {@code mov [to], from}, 32 bits. */
  public void movDword(Mem to, Gpr from) {
    general(0x89, from.number, to, false);
  }

  /** {@code movsxd to, [from]}: 32 bits with their sign. */
  public void movsxd(Gpr to, Mem from) {
    general(0x63, to.number, from, true);
  }

  /** {@code movzx to, byte [from]}. */
  public void movzxByte(Gpr to, Mem from) {
    rex(true, to.number, from);
    put(0x0F);
    put(0xB6);
    modrm(to.number, from, 1);
  }

  /** {@code movzx to, word [from]}. */
  public void movzxWord(Gpr to, Mem from) {
    rex(true, to.number, from);
    put(0x0F);
    put(0xB7);
    modrm(to.number, from, 1);
  }

  /** {@code mov to, value}: any 64 bits, in the shortest form for 32 bits with a sign. */
  public void mov(Gpr to, long value) {
    if (value == (int) value) {
      general(0xC7, 0, to);
      putInt((int) value);
    } else {
      put(0x48 | to.number >> 3);
      put(0xB8 | to.number & 7);
      putInt((int) value);
      putInt((int) (value >>> 32));
    }
  }

  /** {@code lea to, [place]}. */
  public void lea(Gpr to, Mem place) {
    general(0x8D, to.number, place, true);
  }

  /** {@code add to, from}. */
  public void add(Gpr to, Gpr from) {
    general(0x03, to.number, from);
  }

  /** {@code add to, [from]}. */
  public void add(Gpr to, Mem from) {
    general(0x03, to.number, from, true);
  }

  /** {@code add to, value}. */
  public void add(Gpr to, int value) {
    immediate(0, to, value);
  }

  /** {@code sub to, from}. */
  public void sub(Gpr to, Gpr from) {
    general(0x2B, to.number, from);
  }

  /** {@code sub to, value}. */
  public void sub(Gpr to, int value) {
    immediate(5, to, value);
  }

  /** {@code and to, value}. */
  public void and(Gpr to, int value) {
    immediate(4, to, value);
  }

  /** {@code cmp left, right}. */
  public void cmp(Gpr left, Gpr right) {
    general(0x3B, left.number, right);
  }

  /** {@code cmp left, [right]}. */
  public void cmp(Gpr left, Mem right) {
    general(0x3B, left.number, right, true);
  }

  /** {@code cmp left, value}. */
  public void cmp(Gpr left, int value) {
    immediate(7, left, value);
  }

  /** {@code test left, right}. */
  public void test(Gpr left, Gpr right) {
    general(0x85, right.number, left);
  }

  /** {@code imul to, from}. */
  public void imul(Gpr to, Gpr from) {
    put(0x48 | to.number >> 3 << 2 | from.number >> 3);
    put(0x0F);
    put(0xAF);
    put(0xC0 | (to.number & 7) << 3 | from.number & 7);
  }

  /** {@code imul to, from, value}. */
  public void imul(Gpr to, Gpr from, int value) {
    general(0x69, to.number, from);
    putInt(value);
  }

  /** {@code shl r, count}. */
  public void shl(Gpr r, int count) {
    general(0xC1, 4, r);
    put(count);
  }

  /** {@code shr r, count}. */
  public void shr(Gpr r, int count) {
    general(0xC1, 5, r);
    put(count);
  }

  /** {@code shr r, cl}. */
  public void shrCl(Gpr r) {
    general(0xD3, 5, r);
  }

  /** {@code xor r, r}: zero. */
  public void zero(Gpr r) {
    general(0x33, r.number, r);
  }

  /** {@code cpuid}. */
  public void cpuid() {
    put(0x0F);
    put(0xA2);
  }

  /** {@code xgetbv}. */
  public void xgetbv() {
    put(0x0F);
    put(0x01);
    put(0xD0);
  }

  /** {@code prefetcht0 [place]}: into the first level cache. */
  public void prefetch(Mem place) {
    prefetch(1, place);
  }

  /** {@code prefetcht1 [place]}: into the second level cache. */
  public void prefetchSecond(Mem place) {
    prefetch(2, place);
  }

  private void prefetch(int hint, Mem place) {
    rex(false, hint, place);
    put(0x0F);
    put(0x18);
    modrm(hint, place, 1);
  }

  private void general(int opcode, int reg, Gpr rm) {
    put(0x48 | reg >> 3 << 2 | rm.number >> 3);
    put(opcode);
    put(0xC0 | (reg & 7) << 3 | rm.number & 7);
  }

  private void general(int opcode, int reg, Mem mem, boolean wide) {
    rex(wide, reg, mem);
    put(opcode);
    modrm(reg, mem, 1);
  }

  private void immediate(int digit, Gpr r, int value) {
    boolean small = value == (byte) value;
    general(small ? 0x83 : 0x81, digit, r);
    if (small) {
      put(value);
    } else {
      putInt(value);
    }
  }

  private void rex(boolean wide, int reg, Mem mem) {
    int index = mem.index() == null ? 0 : mem.index().number;
    int rex = 0x40 | (wide ? 8 : 0) | reg >> 3 << 2 | index >> 3 << 1 | mem.base().number >> 3;
    if (rex != 0x40) {
      put(rex);
    }
  }

  /**
   * Operand bytes of a place in memory.
   *
   * @param unit bytes of one unit of an eight-bit displacement
   */
  private void modrm(int reg, Mem mem, int unit) {
    int base = mem.base().number & 7;
    int displacement = mem.displacement();
    int scaled = displacement / unit;
    // rbp and r13 as a base always have a displacement.
    int mode;
    if (displacement == 0 && base != 5) {
      mode = 0;
    } else if (displacement % unit == 0 && scaled == (byte) scaled) {
      mode = 1;
    } else {
      mode = 2;
    }
    Gpr index = mem.index();
    if (index == null && base != 4) {
      put(mode << 6 | (reg & 7) << 3 | base);
    } else {
      put(mode << 6 | (reg & 7) << 3 | 4);
      int x = index == null ? 4 : index.number & 7;
      put(Integer.numberOfTrailingZeros(mem.scale()) << 6 | x << 3 | base);
    }
    if (mode == 1) {
      put(scaled);
    } else if (mode == 2) {
      putInt(displacement);
    }
  }

  // ---- vector instructions ----

  /** {@code vzeroupper}. */
  public void vzeroupper() {
    put(0xC5);
    put(0xF8);
    put(0x77);
  }

  /** {@code op to, a, b}. */
  public void vector(VectorOp op, Vec to, Vec a, Vec b) {
    encode(op, to, to.number(), a.number(), b.number(), null);
  }

  /** {@code op to, a, [b]}. */
  public void vector(VectorOp op, Vec to, Vec a, Mem b) {
    encode(op, to, to.number(), a.number(), -1, b);
  }

  /** {@code op to, a, b, immediate}; for a blend by VEX, the number of the mask register × 16. */
  public void vector(VectorOp op, Vec to, Vec a, Vec b, int immediate) {
    encode(op, to, to.number(), a.number(), b.number(), null);
    put(immediate);
  }

  /** {@code op to, a, [b], immediate}. */
  public void vector(VectorOp op, Vec to, Vec a, Mem b, int immediate) {
    encode(op, to, to.number(), a.number(), -1, b);
    put(immediate);
  }

  /** {@code op to, from}; where elements change their size, the wider register counts. */
  public void vector(VectorOp op, Vec to, Vec from) {
    Vec wider = to.as(Math.max(to.bits(), from.bits()));
    encode(op, wider, to.number(), 0, from.number(), null);
  }

  /** {@code op to, [from]}; for vcvtneps2bf16, {@code to} has the width of what is read. */
  public void vector(VectorOp op, Vec to, Mem from) {
    encode(op, to, to.number(), 0, -1, from);
  }

  /** {@code op to, from, immediate}: conversions, roundings, shifts. */
  public void vector(VectorOp op, Vec to, Vec from, int immediate) {
    switch (op) {
      case VPSRLD, VPSRAD, VPSLLD ->
          encode(op, to, shiftField(op), to.number(), from.number(), null);
      // These name their source in the register field.
      case VCVTPS2PH, VEXTRACTF128, VEXTRACTF32X4 ->
          encode(op, to.as(from.bits()), from.number(), 0, to.number(), null);
      default -> encode(op, to, to.number(), 0, from.number(), null);
    }
    put(immediate);
  }

  /** The register field of shifts, which selects one of them; the destination stands in vvvv. */
  private static int shiftField(VectorOp op) {
    return switch (op) {
      case VPSRLD -> 2;
      case VPSRAD -> 4;
      case VPSLLD -> 6;
      default -> throw new IllegalArgumentException(op + " is no shift");
    };
  }

  /** {@code op to, [from], immediate}. */
  public void vector(VectorOp op, Vec to, Mem from, int immediate) {
    switch (op) {
      // Of memory they exist as EVEX only.
      case VPSRLD, VPSRAD, VPSLLD -> evex(op, to, shiftField(op), to.number(), -1, from);
      default -> encode(op, to, to.number(), 0, -1, from);
    }
    put(immediate);
  }

  /** {@code op [to], from}: the stores; a mask on {@code from} says which lanes are written. */
  public void vector(VectorOp op, Mem to, Vec from) {
    encode(op, from, from.number(), 0, -1, to);
  }

  /** {@code op [to], from, immediate}: stores that convert or select. */
  public void vector(VectorOp op, Mem to, Vec from, int immediate) {
    encode(op, from, from.number(), 0, -1, to);
    put(immediate);
  }

  /** {@code op to, from} from a general register: vmovd. */
  public void vector(VectorOp op, Vec to, Gpr from) {
    encode(op, to, to.number(), 0, from.number, null);
  }

  /** {@code op to, from} into a general register: vmovd, vmovmskps. */
  public void vector(VectorOp op, Gpr to, Vec from) {
    if (op == VectorOp.VMOVD_TO_GPR) {
      encode(op, from, from.number(), 0, to.number, null);
    } else {
      encode(op, from, to.number, 0, from.number(), null);
    }
  }

  /**
   * {@code op k, a, b, immediate}: a comparison into a mask register; where {@code a} has a mask,
   * the other lanes' bits become zero.
   *
   * @param k the mask register
   */
  public void compare(VectorOp op, int k, Vec a, Vec b, int immediate) {
    evex(op, a.where(a.mask()), k, a.number(), b.number(), null);
    put(immediate);
  }

  /** {@code op k, a, [b], immediate}. */
  public void compare(VectorOp op, int k, Vec a, Mem b, int immediate) {
    evex(op, a.where(a.mask()), k, a.number(), -1, b);
    put(immediate);
  }

  /** {@code op k, a, b} without an immediate: vptestmd, vptestnmd, vpcmpgtd. */
  public void compare(VectorOp op, int k, Vec a, Vec b) {
    evex(op, a.where(a.mask()), k, a.number(), b.number(), null);
  }

  // ---- mask registers ----

  /** {@code kmovw k, r}. */
  public void kmovw(int k, Gpr r) {
    vexMask(0, 0, 0x92, k, r.number);
  }

  /** {@code kmovw r, k}. */
  public void kmovw(Gpr r, int k) {
    vexMask(0, 0, 0x93, r.number, k);
  }

  /** {@code kmovq k, r}: 64 lanes of bytes, or 32 of words. */
  public void kmovq(int k, Gpr r) {
    vexMask(3, 1, 0x92, k, r.number);
  }

  /** {@code kandw to, a, b}. */
  public void kandw(int to, int a, int b) {
    put(0xC5);
    put(0x80 | (~a & 15) << 3 | 4);
    put(0x41);
    put(0xC0 | to << 3 | b);
  }

  /** {@code kortestw a, b}: sets the zero flag if both are empty. */
  public void kortestw(int a, int b) {
    vexMask(0, 0, 0x98, a, b);
  }

  private void vexMask(int pp, int w, int opcode, int reg, int rm) {
    put(0xC4);
    put((reg < 8 ? 0x80 : 0) | 0x40 | (rm < 8 ? 0x20 : 0) | 1);
    put(w << 7 | 0x78 | pp);
    put(opcode);
    put(0xC0 | (reg & 7) << 3 | rm & 7);
  }

  /**
   * @param shaped the register that gives width and mask
   * @param rm register number, or -1 for {@code mem}
   */
  private void encode(VectorOp op, Vec shaped, int reg, int vvvv, int rm, @Nullable Mem mem) {
    boolean extended =
        shaped.bits() == 512
            || shaped.mask() != 0
            || reg > 15
            || vvvv > 15
            || rm > 15
            || (mem != null && mem.broadcast());
    if (op.form == VectorOp.Form.EVEX || extended) {
      if (op.form == VectorOp.Form.VEX) {
        throw new IllegalArgumentException(op + " has no EVEX form");
      }
      evex(op, shaped, reg, vvvv, rm, mem);
    } else {
      vex(op, shaped, reg, vvvv, rm, mem);
    }
  }

  private void vex(VectorOp op, Vec shaped, int reg, int vvvv, int rm, @Nullable Mem mem) {
    int x = mem == null || mem.index() == null ? 0 : mem.index().number >> 3;
    int b = (mem == null ? rm : mem.base().number) >> 3;
    // Wide elements have no W in VEX: their opcode or prefix says it; except vpbroadcastq, WIG too.
    put(0xC4);
    put((reg < 8 ? 0x80 : 0) | (x == 0 ? 0x40 : 0) | (b == 0 ? 0x20 : 0) | op.map);
    put((~vvvv & 15) << 3 | (shaped.bits() == 256 ? 4 : 0) | op.prefix.code);
    put(op.opcode);
    operand(reg, rm, mem, 1);
  }

  private void evex(VectorOp op, Vec shaped, int reg, int vvvv, int rm, @Nullable Mem mem) {
    int x;
    int b;
    if (mem == null) {
      x = rm >> 4;
      b = rm >> 3 & 1;
    } else {
      x = mem.index() == null ? 0 : mem.index().number >> 3;
      b = mem.base().number >> 3;
    }
    boolean broadcast = mem != null && mem.broadcast();
    put(0x62);
    put(
        ((reg & 8) == 0 ? 0x80 : 0)
            | (x == 0 ? 0x40 : 0)
            | (b == 0 ? 0x20 : 0)
            | (reg < 16 ? 0x10 : 0)
            | op.map);
    put(op.w << 7 | (~vvvv & 15) << 3 | 4 | op.prefix.code);
    put(
        (shaped.zeroing() ? 0x80 : 0)
            | (shaped.bits() >> 8) << 5
            | (broadcast ? 0x10 : 0)
            | (vvvv < 16 ? 8 : 0)
            | shaped.mask());
    put(op.opcode);
    operand(reg, rm, mem, op.unitBytes(shaped.bits(), broadcast));
  }

  private void operand(int reg, int rm, @Nullable Mem mem, int unit) {
    if (mem == null) {
      put(0xC0 | (reg & 7) << 3 | rm & 7);
    } else {
      modrm(reg, mem, unit);
    }
  }

  // ---- bytes ----

  private void put(int b) {
    if (size == code.length) {
      byte[] longer = new byte[2 * size];
      System.arraycopy(code, 0, longer, 0, size);
      code = longer;
    }
    code[size++] = (byte) b;
  }

  private void putInt(int value) {
    for (int shift = 0; shift < 32; shift += 8) {
      put(value >> shift);
    }
  }

  private void patch(int at, int value) {
    ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
  }

  /**
   * Writes data among the instructions.
   *
   * @param value 32 bits
   */
  public void data(int value) {
    putInt(value);
  }

  /**
   * {@code lea to, [rip + label]}: the address of data in the code.
   *
   * @param to register
   * @param label of the data
   */
  public void lea(Gpr to, Label label) {
    put(0x48 | to.number >> 3 << 2);
    put(0x8D);
    put((to.number & 7) << 3 | 5);
    relative(label);
  }
}
