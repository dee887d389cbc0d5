package io.github.attn4j.cpu.asm.sim;

import static java.lang.Float.floatToRawIntBits;
import static java.lang.Float.intBitsToFloat;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;
import io.github.attn4j.cpu.asm.VectorOp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The instructions of AVX512_BF16 and AVX512_VNNI, which few machines can check, by values that
 * follow from the manual's text alone.
 */
final class Bfloat16Test {
  private static final int ONE = 0x3F80;
  private static final int QUIET = 0x400000;

  @BeforeEach
  void disassembler() {
    Disassembly.require();
  }

  /** One instruction on three registers of equal lanes; the lanes of the result. */
  private static int[] run(VectorOp op, int old, int first, int second) {
    Assembler a = new Assembler();
    for (int r = 0; r < 3; r++) {
      a.vector(VectorOp.VPBROADCASTD, Vec.of(r, 512), Mem.at(Gpr.RDI, 4 * r));
    }
    if (op == VectorOp.VCVTNEPS2BF16) {
      a.vector(op, Vec.of(0, 256), Vec.of(1, 512));
    } else {
      a.vector(op, Vec.of(0, 512), Vec.of(1, 512), Vec.of(2, 512));
    }
    a.vector(VectorOp.VMOVUPS_STORE, Mem.at(Gpr.RDI, 64), Vec.of(0, 512));
    a.ret();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(128, 64);
      memory.setAtIndex(ValueLayout.JAVA_INT, 0, old);
      memory.setAtIndex(ValueLayout.JAVA_INT, 1, first);
      memory.setAtIndex(ValueLayout.JAVA_INT, 2, second);
      new Simulator(a.bytes()).call(0, memory.address());
      return memory.asSlice(64).toArray(ValueLayout.JAVA_INT);
    }
  }

  private static int pair(int odd, int even) {
    return odd << 16 | even;
  }

  private static int bfloat16(float value) {
    return floatToRawIntBits(value) >>> 16;
  }

  private static int dot(float sum, int first, int second) {
    return dot(floatToRawIntBits(sum), first, second);
  }

  private static int dot(int sum, int first, int second) {
    int[] lanes = run(VectorOp.VDPBF16PS, sum, first, second);
    assertThat(lanes).containsOnly(lanes[0]);
    return lanes[0];
  }

  private static float dotOf(float sum, float odd, float even) {
    return intBitsToFloat(dot(sum, pair(bfloat16(odd), bfloat16(even)), pair(ONE, ONE)));
  }

  /** Which product comes first is seen where the first sum loses the last bit. */
  @Test
  void oddElementsAreAddedFirst() {
    assertThat(dotOf(1, 0x1p24f, -0x1p24f)).isEqualTo(0f);
    assertThat(dotOf(1, -0x1p24f, 0x1p24f)).isEqualTo(1f);
    assertThat(dotOf(0x1p24f, 1, 1)).isEqualTo(0x1p24f);
  }

  /** Products are not rounded: one beyond the range may come back by its addend. */
  @Test
  void productsAreFused() {
    int huge = bfloat16(0x1p64f);
    assertThat(dot(-0x1p127f, pair(huge, 0), pair(huge, 0))).isEqualTo(floatToRawIntBits(0x1p127f));
    // 2^-150 is no float, but adds half a step to an odd number: a tie, to even.
    int small = pair(bfloat16(0x1p-75f), 0);
    assertThat(dot(0x00800001, small, small)).isEqualTo(0x00800002);
  }

  /** To nearest, ties to even. */
  @Test
  void sumsAreRoundedToNearest() {
    int tie = pair(bfloat16(0x1p-12f), 0);
    assertThat(dot(1f, tie, tie)).isEqualTo(floatToRawIntBits(1f));
    assertThat(dot(Math.nextUp(1f), tie, tie)).isEqualTo(floatToRawIntBits(0x1.000004p0f));
  }

  /** Subnormal numbers count as zero, as operands and as what comes out of each addition. */
  @Test
  void subnormalNumbersAreZero() {
    int least = 0x0080;
    assertThat(dot(0x007FFFFF, 0, 0)).isZero();
    assertThat(dot(0f, pair(0x007F, 0x007F), pair(bfloat16(0x1p60f), bfloat16(0x1p60f)))).isZero();
    assertThat(dot(0f, pair(least, 0), pair(bfloat16(0.5f), 0))).isZero();
    assertThat(dot(0f, pair(least, 0), pair(bfloat16(-0.5f), ONE)))
        .as("the sign of what was flushed joins positive zero")
        .isZero();
    assertThat(dot(0f, pair(least, least), pair(bfloat16(0.5f), bfloat16(0.5f))))
        .as("two halves of a normal number, each flushed")
        .isZero();
    assertThat(dot(0f, pair(least, 0), pair(ONE, 0))).isEqualTo(least << 16);
  }

  /** Tiny is what stays below the least normal number when rounded to full precision. */
  @Test
  void tininessIsSeenAfterRounding() {
    int least = 0x00800000;
    // 2^-126 less than half a step of full precision: rounds to 2^-126.
    assertThat(Bfloat16Kernels.fused(bits(-0x1p-76f), bits(0x1p-76f), least)).isEqualTo(least);
    // Less a half: a tie, to even.
    assertThat(Bfloat16Kernels.fused(bits(-0x1p-75f), bits(0x1p-76f), least)).isEqualTo(least);
    // A little more: tiny, though a subnormal result would have become 2^-126.
    assertThat(Bfloat16Kernels.fused(bits(-0x1.02p-75f), bits(0x1p-76f), least)).isZero();
  }

  private static int bits(float value) {
    return floatToRawIntBits(value);
  }

  /** The manual's priorities: low elements, of the first source first; high elements; the sum. */
  @Test
  void nansHavePriorities() {
    int a = 0x7F91;
    int b = 0x7F92;
    int c = 0x7F93;
    int d = 0x7F94;
    int sum = 0x7F950001;
    assertThat(dot(sum, pair(c, a), pair(d, b))).isEqualTo(a << 16 | QUIET);
    assertThat(dot(sum, pair(c, ONE), pair(d, b))).isEqualTo(b << 16 | QUIET);
    assertThat(dot(sum, pair(c, ONE), pair(d, ONE))).isEqualTo(c << 16 | QUIET);
    assertThat(dot(sum, pair(ONE, ONE), pair(d, ONE))).isEqualTo(d << 16 | QUIET);
    assertThat(dot(sum, pair(ONE, ONE), pair(ONE, ONE))).isEqualTo(sum | QUIET);
    assertThat(dot(0f, pair(0, 0), pair(0x7F80, 0))).as("0 times infinity").isEqualTo(0xFFC00000);
  }

  /** Without overflow, each addition is the exact one, rounded to nearest, ties to even. */
  @Test
  void agreesWithExactArithmetic() {
    Random random = new Random(3);
    for (int n = 0; n < 200_000; n++) {
      int x = floatToRawIntBits((float) random.nextGaussian()) & 0xFFFF0000;
      int y = floatToRawIntBits((float) random.nextGaussian()) & 0xFFFF0000;
      float z = (float) random.nextGaussian();
      BigDecimal exact =
          new BigDecimal(intBitsToFloat(x))
              .multiply(new BigDecimal(intBitsToFloat(y)))
              .add(new BigDecimal(z));
      assertThat(intBitsToFloat(Bfloat16Kernels.fused(x, y, floatToRawIntBits(z))))
          .isEqualTo(exact.floatValue());
    }
  }

  /** Half a result register: nearest, ties to even; subnormal numbers to zero; NaNs quiet. */
  @Test
  void conversionRoundsToNearest() {
    assertThat(converted(0x3F808000)).as("tie, to even").isEqualTo(0x3F80);
    assertThat(converted(0x3F818000)).as("tie, to even").isEqualTo(0x3F82);
    assertThat(converted(0x3F808001)).isEqualTo(0x3F81);
    assertThat(converted(0x7F7FFFFF)).as("the greatest float").isEqualTo(0x7F80);
    assertThat(converted(0xFF800000)).isEqualTo(0xFF80);
    assertThat(converted(0x807FFFFF)).as("subnormal").isEqualTo(0x8000);
    assertThat(converted(0x00800000)).isEqualTo(0x0080);
    assertThat(converted(0x7F800001)).as("a signalling NaN").isEqualTo(0x7FC0);
    assertThat(converted(0xFFABCDEF)).isEqualTo(0xFFEB);
  }

  private static int converted(int bits) {
    int[] words = run(VectorOp.VCVTNEPS2BF16, -1, bits, -1);
    int half = words[0] & 0xFFFF;
    for (int word = 0; word < 16; word++) {
      assertThat(words[word]).isEqualTo(word < 8 ? pair(half, half) : 0);
    }
    return half;
  }

  /** The low half of the result is the second source's. */
  @Test
  void twoRegistersBecomeOne() {
    int[] words = run(VectorOp.VCVTNE2PS2BF16, -1, floatToRawIntBits(1f), floatToRawIntBits(2f));
    for (int word = 0; word < 16; word++) {
      assertThat(words[word]).isEqualTo(word < 8 ? 0x40004000 : pair(ONE, ONE));
    }
  }

  /** Bytes of the first source have no sign, those of the second have; sums wrap. */
  @Test
  void bytesAreMultiplied() {
    assertThat(run(VectorOp.VPDPBUSD, 10, 0xFF, 0xFF)).containsOnly(10 - 255);
    assertThat(run(VectorOp.VPDPBUSD, 0, 0x01020304, 0x05FE0780))
        .containsOnly(1 * 5 - 2 * 2 + 3 * 7 - 4 * 128);
    assertThat(run(VectorOp.VPDPBUSD, Integer.MAX_VALUE, 1, 1)).containsOnly(Integer.MIN_VALUE);
  }
}
