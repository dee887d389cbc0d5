package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Vectors.FLOATS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** The exponential function on vectors. */
final class Exp {
  /** 127 × ln 2: below minus this, the result is zero. */
  private static final float LEAST = -88.02969f;

  private static final float LOG2_E = 1.44269504f;

  /**
   * Adding 1.5 × 2^23 + 127 leaves the nearest integer n in the low bits of the sum, with 127
   * added: shifted left by 23 these bits are the float 2^n.
   */
  private static final float MAGIC = 0x1.8p23f + 127f;

  /*
   * 2^f on [-1/2, 1/2], minimax in the relative error (9.2e-8) with the constant term fixed at 1, so
   * that exp(0) is exactly 1.
   */
  private static final float C1 = 0x1.62e42920381f8p-1f;
  private static final float C2 = 0x1.ebf9bb8aa9027p-3f;
  private static final float C3 = 0x1.c6b752dec2d46p-5f;
  private static final float C4 = 0x1.3cea873ee7d6fp-7f;
  private static final float C5 = 0x1.5bba13cb4b67cp-10f;

  private Exp() {}

  /**
   * e^x for x up to 88; exactly 1 at 0 and exactly 0 at negative infinity and below -88.03. NaN
   * stays NaN: the last two steps are a multiplication and a comparison, which a NaN fails.
   *
   * <p>With n the nearest integer of x log2(e) and f what is left: e^x = 2^f 2^n. The change of
   * base happens here, on differences of scores, and not on the scores, whose error it would add
   * to. The polynomial is split into pairs, and the cut at the bottom comes last and off the main
   * chain: the loop around this is bound by how many instructions wait for their operands.
   */
  static FloatVector of(FloatVector x) {
    FloatVector log2 = FloatVector.broadcast(FLOATS, LOG2_E);
    FloatVector z = x.fma(log2, FloatVector.broadcast(FLOATS, MAGIC));
    FloatVector minusN = FloatVector.broadcast(FLOATS, MAGIC).sub(z);
    FloatVector f = x.fma(log2, minusN);
    FloatVector f2 = f.mul(f);
    FloatVector p01 = f.fma(FloatVector.broadcast(FLOATS, C1), FloatVector.broadcast(FLOATS, 1f));
    FloatVector p23 = f.fma(FloatVector.broadcast(FLOATS, C3), FloatVector.broadcast(FLOATS, C2));
    FloatVector p45 = f.fma(FloatVector.broadcast(FLOATS, C5), FloatVector.broadcast(FLOATS, C4));
    FloatVector p = p45.fma(f2, p23).fma(f2, p01);
    FloatVector power =
        z.viewAsIntegralLanes().lanewise(VectorOperators.LSHL, 23).viewAsFloatingLanes();
    return p.mul(power).blend(0f, x.compare(VectorOperators.LT, LEAST));
  }
}
