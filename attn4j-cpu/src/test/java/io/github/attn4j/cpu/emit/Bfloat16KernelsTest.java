package io.github.attn4j.cpu.emit;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.cpu.asm.sim.Disassembly;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Each kernel of bfloat16 on a simulated processor: every bit is that of a plain loop, for all
 * sizes that end differently, and nothing outside of the operands is touched.
 */
@SuppressWarnings("NullAway.Init") // Made before all tests.
final class Bfloat16KernelsTest {
  private static final int MR = 12;
  private static final int NR = 32;
  private static final int TILE_N = 24;

  private static SimulatedTable simulated;

  private final Random random = new Random(11);

  @BeforeAll
  static void emit() {
    Disassembly.require();
    simulated = new SimulatedTable(TILE_N);
  }

  /** Calls a kernel that may touch these parts alone. */
  private static long call(String name, MemorySegment[] parts, Object... arguments) {
    simulated.restrict(parts);
    try {
      Object result = simulated.table().function(name).invokeWithArguments(arguments);
      return result == null ? 0 : (long) result;
    } catch (RuntimeException | Error thrown) {
      throw thrown;
    } catch (Throwable thrown) {
      throw new IllegalStateException(thrown);
    }
  }

  private static MemorySegment[] parts(MemorySegment... parts) {
    return parts;
  }

  private MemorySegment filled(int words, IntUnaryOperator word) {
    MemorySegment segment = Arena.ofAuto().allocate(4L * words, 64);
    for (int i = 0; i < words; i++) {
      segment.setAtIndex(JAVA_INT, i, word.applyAsInt(i));
    }
    return segment;
  }

  private int number() {
    return Float.floatToRawIntBits((float) random.nextGaussian());
  }

  private MemorySegment pairs(int words) {
    return filled(words, i -> (number() & 0xFFFF_0000) | (number() >>> 16));
  }

  private MemorySegment floats(int words) {
    return filled(words, i -> number());
  }

  /** The chain of the instruction: the odd elements, then the even ones. */
  private static float add(float sum, int a, int b) {
    float odd = Math.fma(high(a), high(b), sum);
    return Math.fma(high(a << 16), high(b << 16), odd);
  }

  private static float high(int bits) {
    return Float.intBitsToFloat(bits & 0xFFFF_0000);
  }

  private static int word(MemorySegment segment, int at) {
    return segment.getAtIndex(JAVA_INT, at);
  }

  private static int[] words(MemorySegment segment, int count) {
    return Arrays.copyOf(segment.toArray(JAVA_INT), count);
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
    return bits;
  }

  private static int panels(int rows) {
    return Math.ceilDiv(rows, MR);
  }

  /** {@code start[r][n] + sum over k of a[r][k] * b[k][n]}. */
  private static float[] product(MemorySegment a, MemorySegment b, float[] start, int depth) {
    float[] c = start.clone();
    for (int at = 0; at < c.length; at++) {
      int row = at / NR;
      for (int k = 0; k < depth; k++) {
        int left = word(a, (row / MR * depth + k) * MR + row % MR);
        c[at] = add(c[at], left, word(b, k * NR + at % NR));
      }
    }
    return c;
  }

  @Test
  void scoresAreScaledProducts() {
    float factor = 0.3f;
    for (int rows = 1; rows <= 2 * MR + 1; rows++) {
      for (int depth : new int[] {1, 3, 4, 9}) {
        MemorySegment a = pairs(panels(rows) * depth * MR);
        MemorySegment b = pairs(depth * NR);
        MemorySegment c = floats(panels(rows) * MR * NR);
        long step = 4L * depth * MR;
        long bits = Float.floatToRawIntBits(factor);
        call(
            "scores",
            parts(a, b, c),
            a.address(),
            b.address(),
            c.address(),
            rows,
            depth,
            step,
            bits);
        float[] expected = product(a, b, new float[rows * NR], depth);
        for (int i = 0; i < expected.length; i++) {
          expected[i] *= factor;
        }
        assertThat(words(c, rows * NR)).as("%d by %d", rows, depth).isEqualTo(bits(expected));
      }
    }
  }

  @Test
  void productsAreAdded() {
    for (int rows = 1; rows <= 2 * MR + 1; rows++) {
      for (int depth : new int[] {1, 2, 5, 12}) {
        MemorySegment a = pairs(panels(rows) * depth * MR);
        MemorySegment b = pairs(depth * NR);
        MemorySegment c = floats(panels(rows) * MR * NR);
        float[] before = Arrays.copyOf(c.toArray(JAVA_FLOAT), rows * NR);
        long step = 4L * depth * MR;
        call(
            "accumulate", parts(a, b, c), a.address(), b.address(), c.address(), rows, depth, step);
        assertThat(words(c, rows * NR))
            .as("%d by %d", rows, depth)
            .isEqualTo(bits(product(a, b, before, depth)));
      }
    }
  }

  /** The left operand is cut into panels of sixteen pairs of queries. */
  @Test
  void productsByKeysAreAdded() {
    int half = NR / 2;
    for (int depth : new int[] {1, 15, 16, 17, 31, 40, 64}) {
      for (int rows : new int[] {2, 10, MR, TILE_N}) {
        MemorySegment a = pairs(Math.ceilDiv(depth, half) * TILE_N * half);
        MemorySegment b = pairs(depth * NR);
        MemorySegment c = floats(panels(rows) * MR * NR);
        float[] expected = Arrays.copyOf(c.toArray(JAVA_FLOAT), rows * NR);
        for (int at = 0; at < expected.length; at++) {
          for (int k = 0; k < depth; k++) {
            int left = word(a, (k / half * TILE_N + at / NR) * half + k % half);
            expected[at] = add(expected[at], left, word(b, k * NR + at % NR));
          }
        }
        call(
            "accumulateByKeys",
            parts(a, b, c),
            a.address(),
            b.address(),
            c.address(),
            rows,
            depth,
            b.address());
        assertThat(words(c, rows * NR)).as("%d by %d", rows, depth).isEqualTo(bits(expected));
      }
    }
  }

  private static int pair(float first, float second) {
    return (DType.floatToBfloat16(second) << 16) | (DType.floatToBfloat16(first) & 0xFFFF);
  }

  /** Numbers, ties, the greatest float, infinity and NaN. */
  private MemorySegment panel(int keys) {
    int[] special = {0x3F80_8000, 0x3F81_8000, 0x7F7F_FFFF, 0xFF80_0000, 0x7FC0_0000, 0};
    return filled(keys * NR, i -> i % 7 == 0 ? special[i / 7 % special.length] : number());
  }

  @Test
  void panelsAreRoundedToPairsOfKeys() {
    for (int pairs = 0; pairs <= 3; pairs++) {
      MemorySegment from = panel(2 * pairs);
      MemorySegment to = floats(pairs * NR);
      call("keyPairs", parts(from, to), from.address(), to.address(), pairs);
      float[] x = from.toArray(JAVA_FLOAT);
      int[] expected = new int[pairs * NR];
      Arrays.setAll(
          expected, i -> pair(x[i / NR * 2 * NR + i % NR], x[(i / NR * 2 + 1) * NR + i % NR]));
      assertThat(to.toArray(JAVA_INT)).isEqualTo(expected);
    }
  }

  @Test
  void panelsAreRoundedToPairsOfLanes() {
    for (int keys = 0; keys <= 3; keys++) {
      MemorySegment from = panel(keys);
      MemorySegment to = floats(keys * NR / 2);
      call("lanePairs", parts(from, to), from.address(), to.address(), keys);
      float[] x = from.toArray(JAVA_FLOAT);
      int[] expected = new int[keys * NR / 2];
      Arrays.setAll(expected, i -> pair(x[2 * i], x[2 * i + 1]));
      assertThat(to.toArray(JAVA_INT)).isEqualTo(expected);
    }
  }

  @Test
  void rowsArePaired() {
    for (int columns = 16; columns <= 48; columns += 16) {
      int width = columns;
      MemorySegment from = pairs(4 * columns / 2);
      MemorySegment to = floats(2 * columns);
      assertThat(rowPairs(from, to, columns)).isZero();
      short[] x = from.toArray(JAVA_SHORT);
      int[] expected = new int[2 * columns];
      Arrays.setAll(
          expected,
          i -> {
            int first = i / width * 2 * width + i % width;
            return (x[first + width] << 16) | (x[first] & 0xFFFF);
          });
      assertThat(to.toArray(JAVA_INT)).isEqualTo(expected);
    }
  }

  private static long rowPairs(MemorySegment from, MemorySegment to, int columns) {
    long stride = 2L * columns;
    return call(
        "anyNotFiniteInRowPairs", parts(from, to), from.address(), stride, 2L, to.address());
  }

  /** Wherever the element stands. */
  @Test
  void whatIsNotFiniteIsFound() {
    int columns = 32;
    MemorySegment to = floats(2 * columns);
    for (int at = 0; at < 4 * columns; at++) {
      for (int bits : new int[] {0x7F80, 0xFF80, 0x7FC0, 0xFF81, 0x7F7F, 0x0001}) {
        MemorySegment from = pairs(4 * columns / 2);
        from.setAtIndex(JAVA_SHORT, at, (short) bits);
        boolean finite = (bits & 0x7F80) != 0x7F80;
        assertThat(rowPairs(from, to, columns) == 0).as("%x at %d", bits, at).isEqualTo(finite);
      }
    }
  }

  /** Any bits: half of a pair may be infinite, which makes the whole a signalling NaN. */
  @Test
  void rowsAreTransposedAsTheyAre() {
    for (int count : new int[] {1, 15, 16, 17, 31, 32, 33}) {
      for (int columns : new int[] {1, 3, 4, 16, 21}) {
        MemorySegment from = filled(count * columns, i -> random.nextInt() | 0x7F80_0000);
        MemorySegment to = floats(Math.ceilDiv(count, NR) * columns * NR);
        long stride = 4L * columns;
        call(
            "transposedBits",
            parts(from, to),
            from.address(),
            stride,
            count,
            columns,
            to.address());
        int[] expected = new int[Math.ceilDiv(count, NR) * columns * NR];
        for (int at = 0; at < expected.length; at++) {
          int row = at / NR / columns * NR + at % NR;
          expected[at] = row < count ? word(from, row * columns + at / NR % columns) : 0;
        }
        assertThat(to.toArray(JAVA_INT)).as("%d by %d", count, columns).isEqualTo(expected);
      }
    }
  }
}
