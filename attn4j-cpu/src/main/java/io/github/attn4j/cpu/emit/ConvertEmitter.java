package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VBLENDVPS;
import static io.github.attn4j.cpu.asm.VectorOp.VCMPPS;
import static io.github.attn4j.cpu.asm.VectorOp.VCVTDQ2PS;
import static io.github.attn4j.cpu.asm.VectorOp.VCVTPH2PS;
import static io.github.attn4j.cpu.asm.VectorOp.VCVTPS2PH;
import static io.github.attn4j.cpu.asm.VectorOp.VEXTRACTF128;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVD_FROM_GPR;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVSS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVSS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VPACKUSDW;
import static io.github.attn4j.cpu.asm.VectorOp.VPADDD;
import static io.github.attn4j.cpu.asm.VectorOp.VPAND;
import static io.github.attn4j.cpu.asm.VectorOp.VPANDD;
import static io.github.attn4j.cpu.asm.VectorOp.VPBROADCASTW;
import static io.github.attn4j.cpu.asm.VectorOp.VPEXTRW_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VPMOVDW_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VPMOVSXBD;
import static io.github.attn4j.cpu.asm.VectorOp.VPMOVZXWD;
import static io.github.attn4j.cpu.asm.VectorOp.VPOR;
import static io.github.attn4j.cpu.asm.VectorOp.VPORD;
import static io.github.attn4j.cpu.asm.VectorOp.VPSLLD;
import static io.github.attn4j.cpu.asm.VectorOp.VPSRLD;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;

/**
 * Conversions between float32 and shorter types: {@code f(src, count, dst)} for so many
 * neighbouring elements that start anywhere; nothing else is touched. Narrowing rounds to nearest,
 * ties to even.
 *
 * <p>bfloat16 is exact to the bit as {@code DType} has it. float16 is too, except which NaN comes
 * of a NaN: its sign stays, and it is quiet.
 */
final class ConvertEmitter {
  private static final Gpr SRC = Gpr.RDI;
  private static final Gpr COUNT = Gpr.RSI;
  private static final Gpr DST = Gpr.RDX;
  private static final Gpr SCRATCH = Gpr.RAX;

  /** Predicate of a comparison: either is NaN. */
  private static final int UNORDERED = 3;

  /** Immediate of a conversion: to nearest, ties to even. */
  private static final int NEAREST = 0;

  private final Frame frame;
  private final Assembler a;
  private final boolean masks;
  private final Vec x;
  private final Vec upper;
  private final Vec rounded;
  private final Vec nan;
  private final Vec one;
  private final Vec half;
  private final Vec quiet;

  ConvertEmitter(Frame frame) {
    this.frame = frame;
    this.a = frame.a;
    masks = frame.isa == Isa.AVX512;
    x = frame.v(0);
    upper = frame.v(1);
    rounded = frame.v(2);
    nan = frame.v(3);
    one = frame.v(4);
    half = frame.v(5);
    quiet = frame.v(6);
  }

  /** bfloat16 to float32; NaNs keep their bits. */
  Label widenBfloat16() {
    return convert(
        frame.begin(),
        2,
        4,
        () -> {
          a.vector(VPMOVZXWD, x, Mem.at(SRC, 0));
          a.vector(VPSLLD, x, x, 16);
          a.vector(VMOVUPS_STORE, Mem.at(DST, 0), x);
        },
        () -> {
          a.vector(VPBROADCASTW, x.as(128), Mem.at(SRC, 0));
          a.vector(VPSLLD, x.as(128), x.as(128), 16);
          a.vector(VMOVSS_STORE, Mem.at(DST, 0), x.as(128));
        });
  }

  /** float16 to float32. */
  Label widenFloat16() {
    return convert(
        frame.begin(),
        2,
        4,
        () -> {
          a.vector(VCVTPH2PS, x, Mem.at(SRC, 0));
          a.vector(VMOVUPS_STORE, Mem.at(DST, 0), x);
        },
        () -> {
          a.vector(VPBROADCASTW, x.as(128), Mem.at(SRC, 0));
          a.vector(VCVTPH2PS, x.as(128), x.as(128));
          a.vector(VMOVSS_STORE, Mem.at(DST, 0), x.as(128));
        });
  }

  /** Signed bytes to float32. */
  Label widenInt8() {
    return convert(
        frame.begin(),
        1,
        4,
        () -> {
          a.vector(VPMOVSXBD, x, Mem.at(SRC, 0));
          a.vector(VCVTDQ2PS, x, x);
          a.vector(VMOVUPS_STORE, Mem.at(DST, 0), x);
        },
        () -> {
          a.movzxByte(SCRATCH, Mem.at(SRC, 0));
          a.vector(VMOVD_FROM_GPR, x.as(128), SCRATCH);
          a.vector(VPMOVSXBD, x.as(128), x.as(128));
          a.vector(VCVTDQ2PS, x.as(128), x.as(128));
          a.vector(VMOVSS_STORE, Mem.at(DST, 0), x.as(128));
        });
  }

  /** float32 to float16. */
  Label narrowFloat16() {
    return convert(
        frame.begin(),
        4,
        2,
        () -> {
          a.vector(VMOVUPS, x, Mem.at(SRC, 0));
          a.vector(VCVTPS2PH, Mem.at(DST, 0), x, NEAREST);
        },
        () -> {
          a.vector(VMOVSS, x.as(128), Mem.at(SRC, 0));
          a.vector(VCVTPS2PH, x.as(128), x.as(128), NEAREST);
          a.vector(VPEXTRW_STORE, Mem.at(DST, 0), x.as(128), 0);
        });
  }

  /** float32 to bfloat16; a NaN keeps its upper bits and becomes quiet. */
  Label narrowBfloat16() {
    Label entry = frame.begin();
    frame.constant(one, Float.intBitsToFloat(1), SCRATCH);
    frame.constant(half, Float.intBitsToFloat(0x7fff), SCRATCH);
    frame.constant(quiet, Float.intBitsToFloat(0x40), SCRATCH);
    return convert(
        entry,
        4,
        2,
        () -> {
          a.vector(VMOVUPS, x, Mem.at(SRC, 0));
          roundToUpper(frame.isa.bits);
          if (masks) {
            a.vector(VPMOVDW_STORE, Mem.at(DST, 0), rounded);
          } else {
            a.vector(VEXTRACTF128, x.as(128), rounded, 1);
            a.vector(VPACKUSDW, x.as(128), rounded.as(128), x.as(128));
            a.vector(VMOVUPS_STORE, Mem.at(DST, 0), x.as(128));
          }
        },
        () -> {
          a.vector(VMOVSS, x.as(128), Mem.at(SRC, 0));
          roundToUpper(128);
          a.vector(VPEXTRW_STORE, Mem.at(DST, 0), rounded.as(128), 0);
        });
  }

  /** Leaves the rounded upper halves of x in the lower halves of rounded. */
  private void roundToUpper(int bits) {
    Vec from = x.as(bits);
    Vec high = upper.as(bits);
    Vec to = rounded.as(bits);
    a.vector(VPSRLD, high, from, 16);
    a.vector(masks ? VPANDD : VPAND, to, high, one.as(bits));
    a.vector(VPADDD, to, to, half.as(bits));
    a.vector(VPADDD, to, to, from);
    a.vector(VPSRLD, to, to, 16);
    if (masks) {
      a.compare(VCMPPS, 1, from, from, UNORDERED);
      a.vector(VPORD, to.where(1), high, quiet.as(bits));
    } else {
      a.vector(VCMPPS, nan.as(bits), from, from, UNORDERED);
      a.vector(VPOR, high, high, quiet.as(bits));
      a.vector(VBLENDVPS, to, to, high, nan.number() << 4);
    }
  }

  /**
   * The rest of a function: vector by vector, then element by element.
   *
   * @param from bytes of an element at SRC
   * @param to bytes of an element at DST
   */
  private Label convert(Label entry, int from, int to, Runnable vector, Runnable element) {
    Label few = new Label();
    Label done = new Label();
    int lanes = frame.isa.bytes() / 4;
    a.sub(COUNT, lanes);
    a.jump(Condition.LESS, few);
    a.align(32);
    Label body = a.here();
    vector.run();
    a.add(SRC, lanes * from);
    a.add(DST, lanes * to);
    a.sub(COUNT, lanes);
    a.jump(Condition.GREATER_OR_EQUAL, body);
    a.bind(few);
    a.add(COUNT, lanes);
    a.jump(Condition.LESS_OR_EQUAL, done);
    Label single = a.here();
    element.run();
    a.add(SRC, from);
    a.add(DST, to);
    a.sub(COUNT, 1);
    a.jump(Condition.GREATER, single);
    a.bind(done);
    frame.end();
    return entry;
  }
}
