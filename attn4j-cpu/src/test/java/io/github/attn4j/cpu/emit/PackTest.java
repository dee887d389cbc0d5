package io.github.attn4j.cpu.emit;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.cpu.asm.Label;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Panels hold what their definitions say, bit for bit, whatever the sizes; no byte outside of the
 * rows is read (pages behind and before them cannot be, columns between them are NaN), none outside
 * of the destination is written.
 */
final class PackTest {
  private static final int CASES = 150;
  private static final int MOST_ROWS = 130;
  private static final int MOST_COLUMNS = 768;
  private static final int CANARY = 0x5EADBEEF;

  private final Random random = new Random(11);
  private final Guarded rowMemory = new Guarded(4L * MOST_ROWS * (MOST_COLUMNS + 40));
  private final Guarded panelMemory = new Guarded(4L * (MOST_ROWS + 40) * (MOST_COLUMNS + 40));

  /** Random rows, bits as they are in memory. */
  private final class Block {
    final int count = oneOf(1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 16, 17, 24, 31, 32, 33, 47, 96, 128);
    final int columns = oneOf(1, 2, 3, 4, 5, 8, 12, 15, 16, 17, 31, 33, 64, 80, 96, 100, 128, 768);
    final int stride = columns + random.nextInt(3) * 13;
    final float factor = (float) random.nextGaussian();
    final int[][] rows = new int[count][columns];
    final MemorySegment memory = place(rowMemory, 4L * ((count - 1) * stride + columns));

    int strideBytes() {
      return stride * 4;
    }

    void fill(boolean finite) {
      for (int row = 0; row < count; row++) {
        for (int c = 0; c < columns; c++) {
          int bits = Float.floatToRawIntBits((float) random.nextGaussian());
          if (!finite && random.nextInt(20) == 0) {
            bits = random.nextBoolean() ? random.nextInt() : 0x7f800000;
          }
          rows[row][c] = bits;
          memory.set(JAVA_INT_UNALIGNED, 4L * (row * stride + c), bits);
        }
      }
    }

    int bits(int row, int c) {
      return row < count && c < columns ? rows[row][c] : 0;
    }

    int scaled(int row, int c) {
      boolean inside = row < count && c < columns;
      return inside ? Float.floatToRawIntBits(Float.intBitsToFloat(rows[row][c]) * factor) : 0;
    }

    @Override
    public String toString() {
      return "%d rows of %d columns, %d apart".formatted(count, columns, stride);
    }
  }

  private int oneOf(int... values) {
    return values[random.nextInt(values.length)];
  }

  private MemorySegment place(Guarded memory, long bytes) {
    return random.nextBoolean() ? memory.last(bytes) : memory.first(bytes);
  }

  private interface Definition {
    /** Element i of lane r of panel p. */
    int bits(int p, int i, int r);
  }

  private void check(
      Emitted function, Block block, int panels, int inPanel, int lanes, Definition is) {
    int size = panels * inPanel * lanes;
    MemorySegment out = place(panelMemory, 4L * size);
    function.call(
        block.memory.address(),
        block.strideBytes(),
        block.count,
        block.columns,
        out.address(),
        Float.floatToRawIntBits(block.factor));
    int[] expected = new int[size];
    for (int at = 0; at < size; at++) {
      expected[at] = is.bits(at / lanes / inPanel, at / lanes % inPanel, at % lanes);
    }
    int[] got = out.toArray(JAVA_INT_UNALIGNED);
    for (int at = 0; at < size; at++) {
      // What fills up may be a zero of either sign.
      got[at] = expected[at] == 0 && got[at] == Integer.MIN_VALUE ? 0 : got[at];
    }
    assertThat(got).as("%s", block).isEqualTo(expected);
  }

  private Block block(boolean finite) {
    Block block = new Block();
    block.fill(finite);
    return block;
  }

  private static Emitted emit(Isa isa, Function<Frame, Label> emitter) {
    return new Emitted(isa, 6, emitter);
  }

  private static int nr(Isa isa) {
    return isa.bytes() / 2;
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void rowPanels(Isa isa) {
    Emitted function = emit(isa, TransposeEmitter::rowPanels);
    for (int i = 0; i < CASES; i++) {
      Block b = block(false);
      int panels = Math.ceilDiv(b.count, isa.mr);
      check(function, b, panels, b.columns, isa.mr, (p, c, r) -> b.bits(p * isa.mr + r, c));
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void columnPanels(Isa isa) {
    Emitted function = emit(isa, frame -> new PackEmitter(frame).columnPanels());
    for (int i = 0; i < CASES; i++) {
      Block b = block(false);
      int panels = Math.ceilDiv(b.columns, isa.mr);
      check(function, b, panels, b.count, isa.mr, (p, row, r) -> b.bits(row, p * isa.mr + r));
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void transposedPanels(Isa isa) {
    Emitted function = emit(isa, TransposeEmitter::transposedPanels);
    int nr = nr(isa);
    for (int i = 0; i < CASES; i++) {
      Block b = block(false);
      int panels = Math.ceilDiv(b.count, nr);
      check(function, b, panels, b.columns, nr, (p, c, n) -> b.scaled(p * nr + n, c));
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void widePanels(Isa isa) {
    Emitted function = emit(isa, frame -> new PackEmitter(frame).widePanels());
    int nr = nr(isa);
    for (int i = 0; i < CASES; i++) {
      Block b = block(false);
      int panels = Math.ceilDiv(b.columns, nr);
      check(function, b, panels, b.count, nr, (p, row, n) -> b.scaled(row, p * nr + n));
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void fromPanels(Isa isa) {
    Emitted function = emit(isa, TransposeEmitter::fromPanels);
    int nr = nr(isa);
    for (int i = 0; i < CASES; i++) {
      Block b = new Block();
      int padded = b.columns + random.nextInt(6);
      int[] panels = random.ints((long) Math.ceilDiv(b.count, nr) * padded * nr).toArray();
      MemorySegment in = place(panelMemory, 4L * panels.length);
      in.copyFrom(MemorySegment.ofArray(panels));
      int[] expected = new int[(b.count - 1) * b.stride + b.columns];
      Arrays.fill(expected, CANARY);
      b.memory.copyFrom(MemorySegment.ofArray(expected));
      for (int row = 0; row < b.count; row++) {
        for (int c = 0; c < b.columns; c++) {
          expected[row * b.stride + c] = panels[(row / nr * padded + c) * nr + row % nr];
        }
      }
      function.call(b.memory.address(), b.strideBytes(), b.count, b.columns, in.address(), padded);
      assertThat(b.memory.toArray(JAVA_INT_UNALIGNED)).as("%s", b).isEqualTo(expected);
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.attn4j.cpu.emit.Emitted#isas")
  void anyNotFinite(Isa isa) {
    Emitted function = new Emitted(isa, 4, frame -> new PackEmitter(frame).anyNotFinite());
    int[] strays = {0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 0xffffffff};
    int[] finite = {0x7f7fffff, 0xff7fffff, 1, 0x807fffff, 0x80000000, 0};
    for (int i = 0; i < 4 * CASES; i++) {
      Block b = block(true);
      long at = 4L * (random.nextInt(b.count) * b.stride + random.nextInt(b.columns));
      b.memory.set(JAVA_INT_UNALIGNED, at, oneOf(finite));
      assertThat(found(function, b)).as("%s", b).isFalse();
      b.memory.set(JAVA_INT_UNALIGNED, at, oneOf(strays));
      assertThat(found(function, b)).as("%s, at byte %d", b, at).isTrue();
    }
  }

  private static boolean found(Emitted function, Block b) {
    return function.call(b.memory.address(), b.strideBytes(), b.count, b.columns) != 0;
  }
}
