package io.github.attn4j.cpu.asm;

import io.github.attn4j.cpu.asm.VectorOp.Form;
import io.github.attn4j.cpu.asm.VectorOp.Unit;
import io.github.attn4j.cpu.asm.sim.Predicate;

/** Vector instructions with random operands, in every form that each of them has. */
final class RandomInstruction {
  private final Sample s;
  private final Assembler a;

  RandomInstruction(Sample s) {
    this.s = s;
    this.a = s.a;
  }

  /**
   * Writes one.
   *
   * @return the text it should be
   */
  String write(VectorOp op) {
    return switch (op) {
      case VMOVUPS_STORE, VMOVAPS_STORE, VMOVDQU8_STORE, VMOVDQU16_STORE -> store(op, 1);
      case VMOVSS_STORE, VMOVLPS_STORE -> storeLow(op);
      case VPEXTRW_STORE -> storeWord(op);
      case VMASKMOVPS -> loadWhere(op);
      case VPMOVDW_STORE -> store(op, 2);
      case VMOVSS -> load(op);
      case VMOVD_FROM_GPR, VMOVD_TO_GPR -> move(op);
      case VMOVMSKPS -> signs();
      case VBROADCASTSS, VPBROADCASTD, VPBROADCASTQ, VPBROADCASTW -> spread(op);
      case VBROADCASTF128, VBROADCASTF32X4 -> load(op);
      case VMOVUPS, VMOVAPS, VMOVDQU8, VMOVDQU16, VCVTDQ2PS, VCVTPS2DQ -> convert(op, 1, 1);
      case VCVTPH2PS, VPMOVSXWD, VPMOVZXWD -> convert(op, 1, 2);
      case VPMOVSXBD, VPMOVZXBD -> convert(op, 1, 4);
      case VCVTNEPS2BF16 -> convert(op, 2, 1);
      case VREDUCEPS, VRNDSCALEPS, VROUNDPS, VPSLLD, VPSRLD, VPSRAD -> unaryImmediate(op);
      case VCVTPS2PH, VEXTRACTF128, VEXTRACTF32X4 -> part(op);
      case VINSERTF128, VINSERTF32X4 -> insert(op);
      case VSHUFPS, VSHUFF32X4, VPERM2F128 -> binary(op, true);
      case VBLENDVPS -> blend();
      case VCMPPS -> s.random.nextBoolean() ? compareToVector(op) : compareToMask(op);
      case VPCMPD, VPCMPUD, VPTESTMD, VPTESTNMD -> compareToMask(op);
      default -> op.mnemonic().startsWith("vpcmp") ? compareIntegers(op) : binary(op, false);
    };
  }

  private String binary(VectorOp op, boolean immediate) {
    Vec to = destination(op);
    Vec left = source(op, to.bits());
    int value = s.random.nextInt(256);
    String end = immediate ? "," + Sample.text(value) : "";
    if (s.random.nextBoolean()) {
      Vec right = source(op, to.bits());
      if (immediate) {
        a.vector(op, to, left, right, value);
      } else {
        a.vector(op, to, left, right);
      }
      return text(op, to) + "," + Sample.text(left) + "," + Sample.text(right) + end;
    }
    Mem right = mem(op, to.bits());
    if (immediate) {
      a.vector(op, to, left, right, value);
    } else {
      a.vector(op, to, left, right);
    }
    return text(op, to) + "," + Sample.text(left) + "," + place(op, right, to.bits()) + end;
  }

  private String compareIntegers(VectorOp op) {
    return s.random.nextBoolean() ? binaryVex(op) : compareToMask(op);
  }

  /** Comparisons that write a vector are VEX alone: any other operand would make them EVEX. */
  private String binaryVex(VectorOp op) {
    Vec to = lowVec();
    Vec left = low(to.bits());
    Vec right = low(to.bits());
    a.vector(op, to, left, right);
    return text(op, to) + "," + Sample.text(left) + "," + Sample.text(right);
  }

  private String compareToVector(VectorOp op) {
    Vec to = lowVec();
    Vec left = low(to.bits());
    int predicate = s.random.nextInt(32);
    String name = "vcmp%sps ".formatted(Predicate.FLOAT.get(predicate));
    if (s.random.nextBoolean()) {
      Vec right = low(to.bits());
      a.vector(op, to, left, right, predicate);
      return name + Sample.text(to) + "," + Sample.text(left) + "," + Sample.text(right);
    }
    Mem right = s.mem(1);
    a.vector(op, to, left, right, predicate);
    return name
        + Sample.text(to)
        + ","
        + Sample.text(left)
        + ","
        + Sample.text(right, to.bits() / 8);
  }

  private String compareToMask(VectorOp op) {
    Vec left = masked(op, high(s.oneOf(128, 256, 512)));
    int k = s.random.nextInt(8);
    boolean immediate = op == VectorOp.VCMPPS || op == VectorOp.VPCMPD || op == VectorOp.VPCMPUD;
    int predicate = s.random.nextInt(op == VectorOp.VCMPPS ? 32 : 8);
    String right;
    if (immediate && s.random.nextBoolean()) {
      Mem place = mem(op, left.bits());
      a.compare(op, k, left, place, predicate);
      right = Sample.text(place, bytes(op, place, left.bits()));
    } else {
      Vec other = high(left.bits());
      if (immediate) {
        a.compare(op, k, left, other, predicate);
      } else {
        a.compare(op, k, left, other);
      }
      right = Sample.text(other);
    }
    String operands =
        " k%d%s,%s,%s"
            .formatted(
                k,
                Sample.mask(left.where(left.mask())),
                Sample.text(Vec.of(left.number(), left.bits())),
                right);
    return switch (op) {
      case VCMPPS -> "vcmp" + Predicate.FLOAT.get(predicate) + "ps" + operands;
      case VPCMPD -> integerComparison(predicate, "d", operands);
      case VPCMPUD -> integerComparison(predicate, "ud", operands);
      default -> op.mnemonic() + operands;
    };
  }

  private static String integerComparison(int predicate, String type, String operands) {
    String name = Predicate.INTEGER.get(predicate);
    String end = name.isEmpty() ? ",0x" + predicate : "";
    return "vpcmp" + name + type + operands + end;
  }

  private String blend() {
    Vec to = lowVec();
    Vec left = low(to.bits());
    Vec right = low(to.bits());
    Vec mask = low(to.bits());
    a.vector(VectorOp.VBLENDVPS, to, left, right, mask.number() << 4);
    return text(VectorOp.VBLENDVPS, to)
        + ","
        + Sample.text(left)
        + ","
        + Sample.text(right)
        + ","
        + Sample.text(mask);
  }

  /** One operand whose elements are wider or narrower than those of the destination. */
  private String convert(VectorOp op, int fromShare, int toShare) {
    Vec shaped = destination(op);
    Vec to = shaped.as(Math.max(128, shaped.bits() / fromShare));
    if (s.random.nextBoolean()) {
      Vec from = source(op, Math.max(128, shaped.bits() / toShare));
      a.vector(op, to, from);
      return text(op, to) + "," + Sample.text(from);
    }
    Mem from = mem(op, shaped.bits());
    a.vector(op, shaped, from);
    boolean ambiguous = from.broadcast() && fromShare > 1 && shaped.bits() < 512;
    return text(op, to)
        + ","
        + place(op, from, shaped.bits())
        + (ambiguous ? "{1to%d}".formatted(shaped.bits() / 32) : "");
  }

  private String unaryImmediate(VectorOp op) {
    Vec to = destination(op);
    int value = s.random.nextInt(256);
    if (s.random.nextBoolean()) {
      Vec from = source(op, to.bits());
      a.vector(op, to, from, value);
      return text(op, to) + "," + Sample.text(from) + "," + Sample.text(value);
    }
    Mem from = mem(op, to.bits());
    a.vector(op, to, from, value);
    return text(op, to) + "," + place(op, from, to.bits()) + "," + Sample.text(value);
  }

  /** Half or a part of a register, to a register or to memory. */
  private String part(VectorOp op) {
    boolean half = op == VectorOp.VCVTPS2PH;
    Vec from = source(op, half ? anyWidth(op) : widthOfParts(op));
    int bits = half ? Math.max(128, from.bits() / 2) : 128;
    int value = s.random.nextInt(256);
    if (s.random.nextBoolean()) {
      Vec to = masked(op, source(op, bits));
      a.vector(op, to, from, value);
      return text(op, to) + "," + Sample.text(from) + "," + Sample.text(value);
    }
    Mem to = s.mem(op.unitBytes(from.bits(), false));
    Vec shaped = op.form == Form.VEX ? from : from.where(s.random.nextInt(8));
    a.vector(op, to, shaped, value);
    return "%s %s%s,%s,%s"
        .formatted(
            op.mnemonic(),
            Sample.text(to, op.unitBytes(from.bits(), false)),
            Sample.mask(shaped),
            Sample.text(from),
            Sample.text(value));
  }

  private String insert(VectorOp op) {
    Vec to = masked(op, source(op, widthOfParts(op)));
    Vec left = source(op, to.bits());
    int value = s.random.nextInt(256);
    String start = text(op, to) + "," + Sample.text(left) + ",";
    if (s.random.nextBoolean()) {
      Vec right = source(op, 128);
      a.vector(op, to, left, right, value);
      return start + Sample.text(right) + "," + Sample.text(value);
    }
    Mem right = s.mem(16);
    a.vector(op, to, left, right, value);
    return start + Sample.text(right, 16) + "," + Sample.text(value);
  }

  private String spread(VectorOp op) {
    Vec to = destination(op);
    if (s.random.nextBoolean()) {
      Vec from = source(op, 128);
      a.vector(op, to, from);
      return text(op, to) + "," + Sample.text(from);
    }
    return loadInto(op, to);
  }

  private String load(VectorOp op) {
    int bits = op == VectorOp.VMOVSS ? 128 : widthOfParts(op);
    return loadInto(op, masked(op, source(op, bits)));
  }

  private String loadInto(VectorOp op, Vec to) {
    int bytes = op.unitBytes(to.bits(), false);
    Mem from = s.mem(bytes);
    a.vector(op, to, from);
    return text(op, to) + "," + Sample.text(from, bytes);
  }

  private String store(VectorOp op, int share) {
    Vec from = source(op, anyWidth(op)).where(s.random.nextInt(8));
    Mem to = s.mem(from.bits() / 8 / share);
    a.vector(op, to, from);
    return "%s %s%s,%s"
        .formatted(
            op.mnemonic(),
            Sample.text(to, from.bits() / 8 / share),
            Sample.mask(from),
            Sample.text(Vec.of(from.number(), from.bits())));
  }

  private String storeLow(VectorOp op) {
    Vec from = source(op, 128);
    int bytes = op.unitBytes(128, false);
    Mem to = s.mem(bytes);
    a.vector(op, to, from);
    return op.mnemonic() + " " + Sample.text(to, bytes) + "," + Sample.text(from);
  }

  private String storeWord(VectorOp op) {
    Vec from = low(128);
    Mem to = s.mem(2);
    int value = s.random.nextInt(256);
    a.vector(op, to, from, value);
    return "vpextrw " + Sample.text(to, 2) + "," + Sample.text(from) + "," + Sample.text(value);
  }

  private String loadWhere(VectorOp op) {
    Vec to = lowVec();
    Vec mask = low(to.bits());
    Mem from = s.mem(1);
    a.vector(op, to, mask, from);
    return text(op, to) + "," + Sample.text(mask) + "," + Sample.text(from, to.bits() / 8);
  }

  private String move(VectorOp op) {
    Vec v = high(128);
    boolean load = op == VectorOp.VMOVD_FROM_GPR;
    String other;
    if (s.random.nextBoolean()) {
      Gpr r = s.gpr();
      other = Sample.dword(r);
      if (load) {
        a.vector(op, v, r);
      } else {
        a.vector(op, r, v);
      }
    } else {
      Mem m = s.mem(4);
      other = Sample.text(m, 4);
      if (load) {
        a.vector(op, v, m);
      } else {
        a.vector(op, m, v);
      }
    }
    return load ? "vmovd " + Sample.text(v) + "," + other : "vmovd " + other + "," + Sample.text(v);
  }

  private String signs() {
    Gpr r = s.gpr();
    Vec from = lowVec();
    a.vector(VectorOp.VMOVMSKPS, r, from);
    return "vmovmskps " + Sample.dword(r) + "," + Sample.text(from);
  }

  // ---- operands that an instruction has ----

  private static String text(VectorOp op, Vec to) {
    return op.mnemonic() + " " + Sample.text(to);
  }

  private int anyWidth(VectorOp op) {
    return switch (op) {
      case VPERM2F128 -> 256;
      case VSHUFF32X4 -> s.oneOf(256, 512);
      default -> op.form == Form.VEX ? s.oneOf(128, 256) : s.oneOf(128, 256, 512);
    };
  }

  /** Instructions on parts of 128 bits have no form with a single one. */
  private int widthOfParts(VectorOp op) {
    return op.form == Form.VEX ? 256 : s.oneOf(256, 512);
  }

  private Vec destination(VectorOp op) {
    return masked(op, source(op, anyWidth(op)));
  }

  private Vec masked(VectorOp op, Vec v) {
    if (op.form == Form.VEX || s.random.nextBoolean()) {
      return v;
    }
    int k = 1 + s.random.nextInt(7);
    return s.random.nextBoolean() ? v.where(k) : v.orZero(k);
  }

  /** Half of them below 16, so that instructions with both encodings are seen in both. */
  private Vec source(VectorOp op, int bits) {
    return op.form == Form.VEX || s.random.nextBoolean() ? low(bits) : high(bits);
  }

  private Vec lowVec() {
    return low(s.oneOf(128, 256));
  }

  private Vec low(int bits) {
    return Vec.of(s.random.nextInt(16), bits);
  }

  private Vec high(int bits) {
    return Vec.of(s.random.nextInt(32), bits);
  }

  private Mem mem(VectorOp op, int bits) {
    boolean broadcast = op.form != Form.VEX && op.unit == Unit.FULL && s.random.nextInt(3) == 0;
    Mem mem = s.mem(op.unitBytes(bits, broadcast));
    return broadcast ? mem.toAllLanes() : mem;
  }

  private static int bytes(VectorOp op, Mem mem, int bits) {
    return op.unitBytes(bits, mem.broadcast());
  }

  private static String place(VectorOp op, Mem mem, int bits) {
    return Sample.text(mem, bytes(op, mem, bits));
  }
}
