package io.github.attn4j.cpu.asm;

import java.util.Locale;

/**
 * The vector instructions, as Intel's manual encodes them: mandatory prefix, opcode map, W bit of
 * the EVEX form, opcode, what one unit of its compressed displacement is, and which forms exist.
 */
public enum VectorOp {
  VADDPS(Prefix.NONE, 1, 0, 0x58, Unit.FULL),
  VSUBPS(Prefix.NONE, 1, 0, 0x5C, Unit.FULL),
  VMULPS(Prefix.NONE, 1, 0, 0x59, Unit.FULL),
  VDIVPS(Prefix.NONE, 1, 0, 0x5E, Unit.FULL),
  VMAXPS(Prefix.NONE, 1, 0, 0x5F, Unit.FULL),
  VMINPS(Prefix.NONE, 1, 0, 0x5D, Unit.FULL),
  VFMADD132PS(Prefix.P66, 2, 0, 0x98, Unit.FULL),
  VFMADD213PS(Prefix.P66, 2, 0, 0xA8, Unit.FULL),
  VFMADD231PS(Prefix.P66, 2, 0, 0xB8, Unit.FULL),
  VFMSUB213PS(Prefix.P66, 2, 0, 0xAA, Unit.FULL),
  VFNMADD213PS(Prefix.P66, 2, 0, 0xAC, Unit.FULL),
  VFNMADD231PS(Prefix.P66, 2, 0, 0xBC, Unit.FULL),
  VREDUCEPS(Prefix.P66, 3, 0, 0x56, Unit.FULL, Form.EVEX),
  VRNDSCALEPS(Prefix.P66, 3, 0, 0x08, Unit.FULL, Form.EVEX),
  VROUNDPS(Prefix.P66, 3, 0, 0x08, Unit.FULL, Form.VEX),
  VSCALEFPS(Prefix.P66, 2, 0, 0x2C, Unit.FULL, Form.EVEX),

  VMOVUPS(Prefix.NONE, 1, 0, 0x10, Unit.VECTOR),
  VMOVUPS_STORE("vmovups", Prefix.NONE, 1, 0, 0x11, Unit.VECTOR, Form.BOTH),
  VMOVAPS(Prefix.NONE, 1, 0, 0x28, Unit.VECTOR),
  VMOVAPS_STORE("vmovaps", Prefix.NONE, 1, 0, 0x29, Unit.VECTOR, Form.BOTH),
  VMOVDQU8(Prefix.PF2, 1, 0, 0x6F, Unit.VECTOR, Form.EVEX),
  VMOVDQU8_STORE("vmovdqu8", Prefix.PF2, 1, 0, 0x7F, Unit.VECTOR, Form.EVEX),
  VMOVDQU16(Prefix.PF2, 1, 1, 0x6F, Unit.VECTOR, Form.EVEX),
  VMOVDQU16_STORE("vmovdqu16", Prefix.PF2, 1, 1, 0x7F, Unit.VECTOR, Form.EVEX),
  VMOVSS(Prefix.PF3, 1, 0, 0x10, Unit.DWORD),
  VMOVSS_STORE("vmovss", Prefix.PF3, 1, 0, 0x11, Unit.DWORD, Form.BOTH),
  VMOVLPS_STORE("vmovlps", Prefix.NONE, 1, 0, 0x13, Unit.QWORD, Form.VEX),
  VMASKMOVPS(Prefix.P66, 2, 0, 0x2C, Unit.VECTOR, Form.VEX),
  VMOVD_FROM_GPR("vmovd", Prefix.P66, 1, 0, 0x6E, Unit.DWORD, Form.BOTH),
  VMOVD_TO_GPR("vmovd", Prefix.P66, 1, 0, 0x7E, Unit.DWORD, Form.BOTH),
  VBROADCASTSS(Prefix.P66, 2, 0, 0x18, Unit.DWORD),
  VBROADCASTF128(Prefix.P66, 2, 0, 0x1A, Unit.OCTWORD, Form.VEX),
  VBROADCASTF32X4(Prefix.P66, 2, 0, 0x1A, Unit.OCTWORD, Form.EVEX),
  VPBROADCASTD(Prefix.P66, 2, 0, 0x58, Unit.DWORD),
  VPBROADCASTQ(Prefix.P66, 2, 1, 0x59, Unit.QWORD),
  VPBROADCASTW(Prefix.P66, 2, 0, 0x79, Unit.WORD),

  VPAND("vpand", Prefix.P66, 1, 0, 0xDB, Unit.FULL, Form.VEX),
  VPANDD("vpandd", Prefix.P66, 1, 0, 0xDB, Unit.FULL, Form.EVEX),
  VPANDN("vpandn", Prefix.P66, 1, 0, 0xDF, Unit.FULL, Form.VEX),
  VANDNPS("vandnps", Prefix.NONE, 1, 0, 0x55, Unit.FULL, Form.VEX),
  VPOR("vpor", Prefix.P66, 1, 0, 0xEB, Unit.FULL, Form.VEX),
  VPORD("vpord", Prefix.P66, 1, 0, 0xEB, Unit.FULL, Form.EVEX),
  VPXOR("vpxor", Prefix.P66, 1, 0, 0xEF, Unit.FULL, Form.VEX),
  VPXORD("vpxord", Prefix.P66, 1, 0, 0xEF, Unit.FULL, Form.EVEX),
  VPADDD(Prefix.P66, 1, 0, 0xFE, Unit.FULL),
  VPSUBD(Prefix.P66, 1, 0, 0xFA, Unit.FULL),
  VPMULLD(Prefix.P66, 2, 0, 0x40, Unit.FULL),
  /** Shift by an immediate: the register field of the encoding is 6, the destination vvvv. */
  VPSLLD(Prefix.P66, 1, 0, 0x72, Unit.FULL),
  VPSRLD(Prefix.P66, 1, 0, 0x72, Unit.FULL),
  VPSRAD(Prefix.P66, 1, 0, 0x72, Unit.FULL),
  VPSLLVD(Prefix.P66, 2, 0, 0x47, Unit.FULL),

  VCVTDQ2PS(Prefix.NONE, 1, 0, 0x5B, Unit.FULL),
  VCVTPS2DQ(Prefix.P66, 1, 0, 0x5B, Unit.FULL),
  VCVTPH2PS(Prefix.P66, 2, 0, 0x13, Unit.HALF),
  VCVTPS2PH(Prefix.P66, 3, 0, 0x1D, Unit.HALF),
  VCVTNEPS2BF16(Prefix.PF3, 2, 0, 0x72, Unit.FULL, Form.EVEX),
  VCVTNE2PS2BF16(Prefix.PF2, 2, 0, 0x72, Unit.FULL, Form.EVEX),
  VDPBF16PS(Prefix.PF3, 2, 0, 0x52, Unit.FULL, Form.EVEX),
  VPDPBUSD(Prefix.P66, 2, 0, 0x50, Unit.FULL, Form.EVEX),
  VPMOVSXBD(Prefix.P66, 2, 0, 0x21, Unit.QUARTER),
  VPMOVZXBD(Prefix.P66, 2, 0, 0x31, Unit.QUARTER),
  VPMOVSXWD(Prefix.P66, 2, 0, 0x23, Unit.HALF),
  VPMOVZXWD(Prefix.P66, 2, 0, 0x33, Unit.HALF),
  VPMOVDW_STORE("vpmovdw", Prefix.PF3, 2, 0, 0x33, Unit.HALF, Form.EVEX),

  VUNPCKLPS(Prefix.NONE, 1, 0, 0x14, Unit.FULL),
  VUNPCKHPS(Prefix.NONE, 1, 0, 0x15, Unit.FULL),
  VUNPCKLPD(Prefix.P66, 1, 1, 0x14, Unit.FULL),
  VUNPCKHPD(Prefix.P66, 1, 1, 0x15, Unit.FULL),
  VSHUFPS(Prefix.NONE, 1, 0, 0xC6, Unit.FULL),
  VSHUFF32X4(Prefix.P66, 3, 0, 0x23, Unit.FULL, Form.EVEX),
  VPERM2F128(Prefix.P66, 3, 0, 0x06, Unit.VECTOR, Form.VEX),
  VPUNPCKLWD(Prefix.P66, 1, 0, 0x61, Unit.VECTOR),
  VPUNPCKHWD(Prefix.P66, 1, 0, 0x69, Unit.VECTOR),
  VPUNPCKLBW(Prefix.P66, 1, 0, 0x60, Unit.VECTOR),
  VPUNPCKHBW(Prefix.P66, 1, 0, 0x68, Unit.VECTOR),
  VPACKUSDW(Prefix.P66, 2, 0, 0x2B, Unit.FULL),
  VPEXTRW_STORE("vpextrw", Prefix.P66, 3, 0, 0x15, Unit.WORD, Form.VEX),
  VPERMT2PS(Prefix.P66, 2, 0, 0x7F, Unit.FULL, Form.EVEX),
  VEXTRACTF128(Prefix.P66, 3, 0, 0x19, Unit.OCTWORD, Form.VEX),
  VEXTRACTF32X4(Prefix.P66, 3, 0, 0x19, Unit.OCTWORD, Form.EVEX),
  VINSERTF128(Prefix.P66, 3, 0, 0x18, Unit.OCTWORD, Form.VEX),
  VINSERTF32X4(Prefix.P66, 3, 0, 0x18, Unit.OCTWORD, Form.EVEX),

  VBLENDVPS(Prefix.P66, 3, 0, 0x4A, Unit.VECTOR, Form.VEX),
  VBLENDMPS(Prefix.P66, 2, 0, 0x65, Unit.FULL, Form.EVEX),
  /** As VEX, compares into a vector register; as EVEX, into a mask register. */
  VCMPPS(Prefix.NONE, 1, 0, 0xC2, Unit.FULL),
  VORPS("vorps", Prefix.NONE, 1, 0, 0x56, Unit.FULL, Form.VEX),
  VPCMPEQD(Prefix.P66, 1, 0, 0x76, Unit.FULL),
  VPCMPGTD(Prefix.P66, 1, 0, 0x66, Unit.FULL),
  VPCMPD(Prefix.P66, 3, 0, 0x1F, Unit.FULL, Form.EVEX),
  VPCMPUD(Prefix.P66, 3, 0, 0x1E, Unit.FULL, Form.EVEX),
  VPTESTMD(Prefix.P66, 2, 0, 0x27, Unit.FULL, Form.EVEX),
  VPTESTNMD(Prefix.PF3, 2, 0, 0x27, Unit.FULL, Form.EVEX),
  VMOVMSKPS(Prefix.NONE, 1, 0, 0x50, Unit.VECTOR, Form.VEX);

  /** The mandatory prefix, by the number of its field. */
  enum Prefix {
    NONE(0),
    P66(1),
    PF3(2),
    PF2(3);

    final int code;

    Prefix(int code) {
      this.code = code;
    }
  }

  /** How many bytes one unit of an eight-bit displacement stands for in EVEX. */
  enum Unit {
    /** A whole vector, or one float32 that is read for all lanes. */
    FULL,
    VECTOR,
    HALF,
    QUARTER,
    OCTWORD,
    QWORD,
    DWORD,
    WORD
  }

  /** Which encodings an instruction has. */
  enum Form {
    VEX,
    EVEX,
    BOTH
  }

  private final String mnemonic;
  final Prefix prefix;
  final int map;
  final int w;
  final int opcode;
  final Unit unit;
  final Form form;

  VectorOp(Prefix prefix, int map, int w, int opcode, Unit unit) {
    this("", prefix, map, w, opcode, unit, Form.BOTH);
  }

  VectorOp(Prefix prefix, int map, int w, int opcode, Unit unit, Form form) {
    this("", prefix, map, w, opcode, unit, form);
  }

  VectorOp(String mnemonic, Prefix prefix, int map, int w, int opcode, Unit unit, Form form) {
    this.mnemonic = mnemonic;
    this.prefix = prefix;
    this.map = map;
    this.w = w;
    this.opcode = opcode;
    this.unit = unit;
    this.form = form;
  }

  /**
   * The name in assembly text.
   *
   * @return lower case, without a suffix for stores
   */
  public String mnemonic() {
    return mnemonic.isEmpty() ? name().toLowerCase(Locale.ROOT) : mnemonic;
  }

  /** Bytes of one unit of displacement, at a width, for an operand read for all lanes or not. */
  int unitBytes(int bits, boolean broadcast) {
    return switch (unit) {
      case FULL -> broadcast ? 4 << w : bits / 8;
      case VECTOR -> bits / 8;
      case HALF -> bits / 16;
      case QUARTER -> bits / 32;
      case OCTWORD -> 16;
      case QWORD -> 8;
      case DWORD -> 4;
      case WORD -> 2;
    };
  }
}
