package io.github.attn4j.cpu.emit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.assertj.core.api.Assertions.fail;

import io.github.attn4j.DType;
import io.github.attn4j.cpu.asm.Label;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Conversions give the bits that {@link DType} and {@link Float} give, in vectors and behind the
 * last whole one, and touch nothing outside of their elements.
 */
final class ConvertTest {
  /** All numbers of 16 bits, and not a whole number of vectors. */
  private static final int ALL = (1 << 16) + 5;

  private final Random random = new Random(5);
  private final Guarded narrow = new Guarded(2L * ALL);
  private final Guarded wide = new Guarded(4L * ALL);

  private interface Convert {
    void call(MemorySegment from, int count, MemorySegment to);
  }

  private static Convert emit(Isa isa, Function<ConvertEmitter, Label> method) {
    Emitted function = new Emitted(isa, 3, frame -> method.apply(new ConvertEmitter(frame)));
    return (from, count, to) -> function.call(from.address(), count, to.address());
  }

  private int[] counts() {
    int[] counts = new int[42];
    for (int i = 0; i < 41; i++) {
      counts[i] = i;
    }
    counts[41] = ALL;
    return counts;
  }

  /** Widens all shorts, a few at a time and all at once, from both ends of guarded memory. */
  private void widen(Convert convert, Function<Short, Float> definition) {
    for (int count : counts()) {
      for (boolean last : new boolean[] {true, false}) {
        MemorySegment from = last ? narrow.last(2L * count) : narrow.first(2L * count);
        MemorySegment to = last ? wide.last(4L * count) : wide.first(4L * count);
        int start = count == ALL ? 0 : random.nextInt(1 << 16);
        for (int i = 0; i < count; i++) {
          from.setAtIndex(JAVA_SHORT_UNALIGNED, i, (short) (start + i));
        }
        convert.call(from, count, to);
        for (int i = 0; i < count; i++) {
          float expected = definition.apply((short) (start + i));
          expectSame(to.getAtIndex(JAVA_INT_UNALIGNED, i), expected, start + i);
        }
      }
    }
  }

  private static void expectSame(int bits, float expected, int what) {
    if (Float.isNaN(expected) && Float.isNaN(Float.intBitsToFloat(bits))) {
      return;
    }
    int exact = Float.floatToRawIntBits(expected);
    assertSame(bits == exact, bits, exact, what);
  }

  /** Words for what is wrong are made only then: there are many to compare. */
  private static void assertSame(boolean same, int got, int expected, int of) {
    if (!same) {
      fail("%x of %x: expected %x".formatted(got, of, expected));
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void widenBfloat16(Isa isa) {
    widen(emit(isa, ConvertEmitter::widenBfloat16), DType::bfloat16ToFloat);
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void widenFloat16(Isa isa) {
    widen(emit(isa, ConvertEmitter::widenFloat16), Float::float16ToFloat);
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void widenInt8(Isa isa) {
    Convert convert = emit(isa, ConvertEmitter::widenInt8);
    for (int count : new int[] {0, 1, 7, 8, 15, 16, 17, 300}) {
      MemorySegment from = narrow.last(count);
      MemorySegment to = wide.last(4L * count);
      for (int i = 0; i < count; i++) {
        from.set(JAVA_BYTE, i, (byte) (i - 5));
      }
      convert.call(from, count, to);
      for (int i = 0; i < count; i++) {
        expectSame(to.getAtIndex(JAVA_INT_UNALIGNED, i), (byte) (i - 5), i - 5);
      }
    }
  }

  /** Numbers whose rounding is interesting: each upper half with lower halves around a tie. */
  private int number(int i) {
    int[] lower = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1000, 0x0fff, 0x1001, random.nextInt()};
    return (i << 16) | (lower[random.nextInt(lower.length)] & 0xffff);
  }

  private void narrow(Convert convert, Function<Float, Short> definition, boolean exactNan) {
    for (int count : counts()) {
      for (boolean last : new boolean[] {true, false}) {
        MemorySegment from = last ? wide.last(4L * count) : wide.first(4L * count);
        MemorySegment to = last ? narrow.last(2L * count) : narrow.first(2L * count);
        int start = count == ALL ? 0 : random.nextInt(1 << 16);
        int[] numbers = new int[count];
        for (int i = 0; i < count; i++) {
          numbers[i] = number(start + i);
          from.setAtIndex(JAVA_INT_UNALIGNED, i, numbers[i]);
        }
        convert.call(from, count, to);
        for (int i = 0; i < count; i++) {
          short expected = definition.apply(Float.intBitsToFloat(numbers[i]));
          short got = to.getAtIndex(JAVA_SHORT_UNALIGNED, i);
          boolean anyNan = !exactNan && Float.isNaN(Float.intBitsToFloat(numbers[i]));
          boolean same =
              anyNan
                  ? Float.isNaN(Float.float16ToFloat(got)) && (got < 0) == (numbers[i] < 0)
                  : got == expected;
          assertSame(same, got, expected, numbers[i]);
        }
      }
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void narrowBfloat16(Isa isa) {
    narrow(emit(isa, ConvertEmitter::narrowBfloat16), DType::floatToBfloat16, true);
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void narrowFloat16(Isa isa) {
    narrow(emit(isa, ConvertEmitter::narrowFloat16), Float::floatToFloat16, false);
  }
}
