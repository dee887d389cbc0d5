package io.github.attn4j.cpu.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
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
 * Packing by emitted kernels: rows of a tensor come into {@code w.stage} as float32, one behind the
 * other, and go from there into panels.
 */
final class EmittedPacker {
  private static final KernelTable TABLE = EmittedKernels.table();
  private static final MethodHandle ROW_PANELS = TABLE.function("rowPanels");
  private static final MethodHandle COLUMN_PANELS = TABLE.function("columnPanels");
  private static final MethodHandle TRANSPOSED_PANELS = TABLE.function("transposedPanels");
  private static final MethodHandle WIDE_PANELS = TABLE.function("widePanels");
  private static final MethodHandle FROM_PANELS = TABLE.function("fromPanels");
  private static final MethodHandle ANY_NOT_FINITE = TABLE.function("anyNotFinite");
  private static final MethodHandle WIDEN_BFLOAT16 = TABLE.function("widenBfloat16");
  private static final MethodHandle WIDEN_FLOAT16 = TABLE.function("widenFloat16");

  private EmittedPacker() {}

  static @Nullable Strays packKeys(
      KeyRows source,
      KeyBlock block,
      int columns,
      @Nullable Floats byKeys,
      @Nullable Floats byColumns,
      Workspace w) {
    stageKeys(source, block, columns, w);
    long stage = w.stage.address();
    int count = block.count();
    long stride = (long) columns * Float.BYTES;
    if (byKeys != null) {
      Calls.run(ROW_PANELS, stage, stride, count, columns, byKeys.address());
    }
    if (byColumns == null) {
      return null;
    }
    Strays strays = removeStrays(count, columns, 1f, w);
    Calls.run(COLUMN_PANELS, stage, stride, count, columns, byColumns.address());
    return strays;
  }

  static @Nullable Strays packQueries(
      Rows source,
      Sequences sequences,
      QueryTile tile,
      int columns,
      float factor,
      Floats byQueries,
      @Nullable Floats byColumns,
      Workspace w) {
    long row = sequences.startQ(tile.b()) + tile.row0();
    for (int g = 0; g < tile.heads(); g++) {
      long at = source.at(sequences.entry(tile.b()), tile.head() + g, row);
      stage(source, at, tile.rows(), g * tile.rows(), columns, w);
    }
    long stage = w.stage.address();
    long stride = (long) columns * Float.BYTES;
    long bits = Float.floatToRawIntBits(factor);
    Calls.run(TRANSPOSED_PANELS, stage, stride, tile.lanes(), columns, byQueries.address(), bits);
    if (byColumns == null) {
      return null;
    }
    Strays strays = removeStrays(tile.lanes(), columns, factor, w);
    Calls.run(WIDE_PANELS, stage, stride, tile.lanes(), columns, byColumns.address(), bits);
    return strays;
  }

  static void copyToRows(
      Floats panels, int paddedColumns, int count, int columns, float[] rows, Workspace w) {
    Calls.run(
        FROM_PANELS,
        panels.address(),
        paddedColumns,
        count,
        columns,
        w.stage.address(),
        (long) columns * Float.BYTES);
    w.stage.copyTo(rows, count * columns);
  }

  private static @Nullable Strays removeStrays(int count, int columns, float factor, Workspace w) {
    long stride = (long) columns * Float.BYTES;
    if (Calls.ask(ANY_NOT_FINITE, w.stage.address(), stride, count, columns) == 0) {
      return null;
    }
    w.stage.copyTo(w.rows, count * columns);
    Strays strays = Packer.removeStrays(w.rows, count, columns, factor);
    w.stage.copyFrom(w.rows, 0, count * columns);
    return strays;
  }

  private static void stageKeys(KeyRows source, KeyBlock block, int columns, Workspace w) {
    Sequences sequences = block.sequences();
    for (int j = 0; j < block.count(); ) {
      int key = block.first() + j;
      int run = source.run(key, block.count() - j);
      long entry = source.entry(sequences, block.b(), key);
      long row = source.row(sequences, block.b(), key);
      if (source.scale() == null) {
        stage(source.rows(), source.rows().at(entry, block.head(), row), run, j, columns, w);
      } else {
        IntegerRows.read(source, entry, block.head(), row, run, j, columns, w);
        w.stage.copyFrom(w.rows, j * columns, run * columns);
      }
      j += run;
    }
  }

  /** Brings {@code count} rows, the first at position {@code at}, behind {@code first} others. */
  private static void stage(Rows source, long at, int count, int first, int columns, Workspace w) {
    if (source.columnStride() != 1 && columns > 1) {
      Packer.readBlock(source, at, count, first, columns, w.rows, w.halves);
      w.stage.copyFrom(w.rows, first * columns, count * columns);
      return;
    }
    boolean dense = source.rowStride() == columns;
    int pieces = dense ? 1 : count;
    long length = dense ? (long) count * columns : columns;
    MemorySegment from = source.segment();
    if (source.dtype() == DType.FLOAT32) {
      MemorySegment to = w.stage.segment();
      for (int i = 0; i < pieces; i++) {
        long place = (long) (first + i) * columns * Float.BYTES;
        long start = (at + i * source.rowStride()) * Float.BYTES;
        MemorySegment.copy(from, JAVA_FLOAT_UNALIGNED, start, to, JAVA_FLOAT, place, length);
      }
      return;
    }
    MemorySegment halves = w.stagedHalves.segment();
    for (int i = 0; i < pieces; i++) {
      long start = (at + i * source.rowStride()) * Short.BYTES;
      long place = (long) i * columns * Short.BYTES;
      MemorySegment.copy(from, JAVA_SHORT_UNALIGNED, start, halves, JAVA_SHORT, place, length);
    }
    MethodHandle widen = source.dtype() == DType.FLOAT16 ? WIDEN_FLOAT16 : WIDEN_BFLOAT16;
    long to = w.stage.address() + (long) first * columns * Float.BYTES;
    Calls.run(widen, w.stagedHalves.address(), (long) count * columns, to);
  }
}
