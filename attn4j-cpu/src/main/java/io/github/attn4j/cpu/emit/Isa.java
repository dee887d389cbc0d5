package io.github.attn4j.cpu.emit;

import io.github.attn4j.cpu.asm.CpuFeatures;
import io.github.attn4j.cpu.asm.Vec;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Instruction sets that kernels are emitted for. */
public enum Isa {
  /** 16 registers of 8 floats, fused multiply-add. */
  AVX2(256, 6, EnumSet.of(CpuFeatures.AVX2, CpuFeatures.FMA, CpuFeatures.F16C)),
  /** 32 registers of 16 floats, masks. */
  AVX512(
      512,
      12,
      EnumSet.of(
          CpuFeatures.AVX512F,
          CpuFeatures.AVX512DQ,
          CpuFeatures.AVX512BW,
          CpuFeatures.AVX512VL,
          CpuFeatures.AVX2,
          CpuFeatures.FMA,
          CpuFeatures.F16C));

  /** What a processor must have besides AVX-512 for products of bfloat16. */
  public static final CpuFeatures BFLOAT16 = CpuFeatures.AVX512_BF16;

  /** Width of a vector. */
  final int bits;

  /**
   * Rows of a register tile of two vectors: 12 accumulators of 16 registers, or 24 of 32, leave
   * room for two vectors of one operand and what is broadcast of the other.
   */
  final int mr;

  private final Set<CpuFeatures> needs;

  Isa(int bits, int mr, Set<CpuFeatures> needs) {
    this.bits = bits;
    this.mr = mr;
    this.needs = Collections.unmodifiableSet(needs);
  }

  /**
   * As people call it.
   *
   * @return AVX2 or AVX-512
   */
  public String label() {
    return this == AVX512 ? "AVX-512" : "AVX2";
  }

  /**
   * The width of a vector.
   *
   * @return bits
   */
  public int bits() {
    return bits;
  }

  /**
   * Rows of a register tile.
   *
   * @return how many keys, or columns, a panel of keys or values interleaves
   */
  public int tileRows() {
    return mr;
  }

  /**
   * Lanes of a panel: two vectors.
   *
   * @return how many queries
   */
  public int panelLanes() {
    return 2 * bits / Float.SIZE;
  }

  /**
   * What a processor must have.
   *
   * @return features
   */
  public Set<CpuFeatures> needs() {
    return needs;
  }

  /**
   * The widest set that a processor has.
   *
   * @param features of the processor
   * @return the set, or null for none
   */
  public static @Nullable Isa best(Set<CpuFeatures> features) {
    if (features.containsAll(AVX512.needs)) {
      return AVX512;
    }
    return features.containsAll(AVX2.needs) ? AVX2 : null;
  }

  /**
   * Why not a wider set.
   *
   * @param features of the processor
   * @return what is missing for it, empty if nothing
   */
  public static String missing(Set<CpuFeatures> features) {
    Isa best = best(features);
    if (best == AVX512) {
      return "";
    }
    Set<CpuFeatures> lacks = new TreeSet<>(best == null ? AVX2.needs : AVX512.needs);
    lacks.removeAll(features);
    return "the processor lacks "
        + lacks.stream().map(CpuFeatures::label).collect(Collectors.joining(", "));
  }

  /** Bytes of a vector. */
  int bytes() {
    return bits / 8;
  }

  /**
   * A register at full width.
   *
   * @param number of it
   * @return the register
   */
  Vec v(int number) {
    return Vec.of(number, bits);
  }
}
