package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Bfloat16Kernels.pairs;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.github.attn4j.DType;
import io.github.attn4j.Sequences;
import io.github.attn4j.cpu.emit.KernelTable;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * Packing of bfloat16 into pairs: rows of a tensor come as they are into {@code w.stagedHalves},
 * padded with zeros to whole vectors. A row is then a row of pairs of columns, and panels of those
 * are panels of elements of 32 bits; pairs of rows are made in {@code w.stage} first.
 */
final class Bfloat16Packer {
  private static final KernelTable TABLE = Bfloat16Kernels.table();
  private static final MethodHandle ROW_PAIRS = TABLE.function("anyNotFiniteInRowPairs");
  private static final MethodHandle TRANSPOSED_BITS = TABLE.function("transposedBits");
  private static final MethodHandle ROW_PANELS = EmittedKernels.table().function("rowPanels");
  private static final MethodHandle COLUMN_PANELS = EmittedKernels.table().function("columnPanels");
  private static final MethodHandle WIDE_PANELS = EmittedKernels.table().function("widePanels");

  private Bfloat16Packer() {}

  static @Nullable Strays packKeys(
      KeyRows source,
      KeyBlock block,
      int columns,
      @Nullable Floats byKeys,
      @Nullable Floats byColumns,
      Workspace w) {
    Sequences sequences = block.sequences();
    int count = block.count();
    for (int j = 0; j < count; ) {
      int key = block.first() + j;
      int run = source.run(key, count - j);
      long entry = source.entry(sequences, block.b(), key);
      long row = source.row(sequences, block.b(), key);
      stage(source.rows(), source.rows().at(entry, block.head(), row), run, j, columns, w);
      j += run;
    }
    long stride = stride(columns);
    if (byKeys != null) {
      long halves = w.stagedHalves.address();
      Calls.run(ROW_PANELS, halves, stride, count, pairs(columns), byKeys.address());
    }
    if (byColumns == null) {
      return null;
    }
    Strays strays = pairRows(count, columns, w);
    long pairs = w.stage.address();
    Calls.run(COLUMN_PANELS, pairs, 2 * stride, pairs(count), columns, byColumns.address());
    return strays;
  }

  static @Nullable Strays packQueries(
      Rows source,
      Sequences sequences,
      QueryTile tile,
      int columns,
      Floats byQueries,
      @Nullable Floats byColumns,
      Workspace w) {
    long row = sequences.startQ(tile.b()) + tile.row0();
    for (int g = 0; g < tile.heads(); g++) {
      long at = source.at(sequences.entry(tile.b()), tile.head() + g, row);
      stage(source, at, tile.rows(), g * tile.rows(), columns, w);
    }
    int count = tile.lanes();
    long stride = stride(columns);
    long halves = w.stagedHalves.address();
    Calls.run(TRANSPOSED_BITS, halves, stride, count, pairs(columns), byQueries.address());
    if (byColumns == null) {
      return null;
    }
    Strays strays = pairRows(count, columns, w);
    // Finite now, so that a factor of one changes no bit of a pair.
    long one = Float.floatToRawIntBits(1f);
    long pairs = w.stage.address();
    Calls.run(WIDE_PANELS, pairs, 2 * stride, pairs(count), columns, byColumns.address(), one);
    return strays;
  }

  /** Distance of staged rows, in elements: whole vectors as float32. */
  private static int pitch(int columns) {
    return Lanes.roundUp(columns, Workspace.STAGED_COLUMNS);
  }

  private static long stride(int columns) {
    return (long) pitch(columns) * Short.BYTES;
  }

  /** Brings {@code count} rows, the first at position {@code at}, behind {@code first} others. */
  private static void stage(Rows source, long at, int count, int first, int columns, Workspace w) {
    MemorySegment from = source.segment();
    MemorySegment to = w.stagedHalves.segment();
    int pitch = pitch(columns);
    boolean dense = source.columnStride() == 1 || columns == 1;
    for (int i = 0; i < count; i++) {
      long start = at + i * source.rowStride();
      long place = (first + i) * (long) pitch;
      if (dense) {
        MemorySegment.copy(
            from, JAVA_SHORT_UNALIGNED, 2 * start, to, JAVA_SHORT, 2 * place, columns);
      }
      for (int c = 0; !dense && c < columns; c++) {
        long column = start + c * source.columnStride();
        to.setAtIndex(JAVA_SHORT, place + c, from.get(JAVA_SHORT_UNALIGNED, 2 * column));
      }
      clear(to, place + columns, place + pitch);
    }
  }

  private static void clear(MemorySegment halves, long from, long to) {
    if (from < to) {
      halves.asSlice(2 * from, 2 * (to - from)).fill((byte) 0);
    }
  }

  /**
   * Makes pairs of the staged rows, the last of an odd number with a row of zeros, and of zeros
   * where elements are not finite.
   *
   * @return what is not finite, or null for nothing
   */
  private static @Nullable Strays pairRows(int count, int columns, Workspace w) {
    MemorySegment halves = w.stagedHalves.segment();
    int pitch = pitch(columns);
    if (count % 2 != 0) {
      clear(halves, (long) count * pitch, (count + 1L) * pitch);
    }
    if (askRowPairs(count, columns, w) == 0) {
      return null;
    }
    for (int e = 0; e < count * columns; e++) {
      int at = e / columns * pitch + e % columns;
      w.rows[e] = DType.bfloat16ToFloat(halves.getAtIndex(JAVA_SHORT, at));
    }
    Strays strays = Packer.takeStrays(w.rows, count, columns, 1f);
    for (int s = 0; s < strays.count(); s++) {
      int at = strays.rows()[s] * pitch + strays.columns()[s];
      halves.setAtIndex(JAVA_SHORT, at, (short) 0);
    }
    askRowPairs(count, columns, w);
    return strays;
  }

  private static long askRowPairs(int count, int columns, Workspace w) {
    long halves = w.stagedHalves.address();
    return Calls.ask(ROW_PAIRS, halves, stride(columns), pairs(count), w.stage.address());
  }
}
