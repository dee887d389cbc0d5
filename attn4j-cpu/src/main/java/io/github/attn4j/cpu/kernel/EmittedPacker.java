package io.github.attn4j.cpu.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.github.attn4j.DType;
import io.github.attn4j.Sequences;
import io.github.attn4j.cpu.emit.KernelTable;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * Packing by emitted kernels. Rows of float32 whose columns are neighbours go from the tensor into
 * panels; others come into {@code w.stage} first, as float32, one behind the other.
 */
final class EmittedPacker {
  private static final KernelTable TABLE = EmittedKernels.table();
  private static final MethodHandle ROW_PANELS = TABLE.onAnyMemory("rowPanels");
  private static final MethodHandle COLUMN_PANELS = TABLE.onAnyMemory("columnPanels");
  private static final MethodHandle TRANSPOSED_PANELS = TABLE.onAnyMemory("transposedPanels");
  private static final MethodHandle WIDE_PANELS = TABLE.onAnyMemory("widePanels");
  private static final MethodHandle FROM_PANELS = TABLE.onAnyMemory("fromPanels");
  private static final MethodHandle ANY_NOT_FINITE = TABLE.onAnyMemory("anyNotFinite");
  private static final MethodHandle WIDEN_BFLOAT16 = TABLE.onAnyMemory("widenBfloat16");
  private static final MethodHandle WIDEN_FLOAT16 = TABLE.onAnyMemory("widenFloat16");

  private EmittedPacker() {}

  static @Nullable Strays packKeys(
      KeyRows source,
      KeyBlock block,
      int columns,
      @Nullable Floats byKeys,
      @Nullable Floats byColumns,
      Workspace w) {
    int count = block.count();
    MemorySegment rows = source.rows().segment();
    long stride = source.rows().rowStride() * Float.BYTES;
    long at = keysInPlace(source, block, columns);
    if (at < 0) {
      stageKeys(source, block, columns, w);
      rows = w.stage.segment();
      stride = (long) columns * Float.BYTES;
      at = 0;
    }
    if (byKeys != null) {
      Calls.runAt(ROW_PANELS, rows, at, stride, count, columns, byKeys.address());
    }
    if (byColumns == null) {
      return null;
    }
    Strays strays = null;
    if (Calls.askAt(ANY_NOT_FINITE, rows, at, stride, count, columns) != 0) {
      stageKeys(source, block, columns, w);
      strays = takeStrays(count, columns, 1f, w);
      rows = w.stage.segment();
      stride = (long) columns * Float.BYTES;
      at = 0;
    }
    Calls.runAt(COLUMN_PANELS, rows, at, stride, count, columns, byColumns.address());
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
    int count = tile.lanes();
    MemorySegment rows = source.segment();
    long stride = source.rowStride() * Float.BYTES;
    long at = queriesInPlace(source, sequences, tile, columns);
    if (at < 0) {
      stageQueries(source, sequences, tile, columns, w);
      rows = w.stage.segment();
      stride = (long) columns * Float.BYTES;
      at = 0;
    }
    long bits = Float.floatToRawIntBits(factor);
    Calls.runAt(TRANSPOSED_PANELS, rows, at, stride, count, columns, byQueries.address(), bits);
    if (byColumns == null) {
      return null;
    }
    Strays strays = null;
    if (Calls.askAt(ANY_NOT_FINITE, rows, at, stride, count, columns) != 0) {
      stageQueries(source, sequences, tile, columns, w);
      strays = takeStrays(count, columns, factor, w);
      rows = w.stage.segment();
      stride = (long) columns * Float.BYTES;
      at = 0;
    }
    Calls.runAt(WIDE_PANELS, rows, at, stride, count, columns, byColumns.address(), bits);
    return strays;
  }

  static void copyToRows(Floats panels, int paddedColumns, int count, int columns, float[] rows) {
    Calls.runAt(
        FROM_PANELS,
        MemorySegment.ofArray(rows),
        0,
        (long) columns * Float.BYTES,
        count,
        columns,
        panels.address(),
        paddedColumns);
  }

  /** Copies the first panel into rows {@code stride} bytes apart. */
  static void panelToRows(Floats panel, int columns, int count, Floats rows, long stride) {
    Calls.runAt(FROM_PANELS, rows.segment(), 0, stride, count, columns, panel.address(), columns);
  }

  /** The way back: lanes behind the last row become zeros. */
  static void rowsToPanel(Floats rows, long stride, int columns, int count, Floats panel) {
    long one = Float.floatToRawIntBits(1f);
    Calls.runAt(TRANSPOSED_PANELS, rows.segment(), 0, stride, count, columns, panel.address(), one);
  }

  /** Whether all elements of rows are finite. */
  static boolean finite(Floats rows, long stride, int count, int columns) {
    return Calls.askAt(ANY_NOT_FINITE, rows.segment(), 0, stride, count, columns) == 0;
  }

  /** Takes what is not finite out of the staged rows. */
  private static Strays takeStrays(int count, int columns, float factor, Workspace w) {
    w.stage.copyTo(w.rows, count * columns);
    Strays strays = Packer.takeStrays(w.rows, count, columns, factor);
    w.stage.copyFrom(w.rows, 0, count * columns);
    return strays;
  }

  /** Where the rows of a block start in the tensor, in bytes; -1 if they must be staged. */
  private static long keysInPlace(KeyRows source, KeyBlock block, int columns) {
    if (source.scale() != null || source.run(block.first(), block.count()) < block.count()) {
      return -1;
    }
    Sequences sequences = block.sequences();
    long entry = source.entry(sequences, block.b(), block.first());
    long row = source.row(sequences, block.b(), block.first());
    long at = source.rows().at(entry, block.head(), row);
    return inPlace(source.rows(), at, columns);
  }

  private static long queriesInPlace(
      Rows source, Sequences sequences, QueryTile tile, int columns) {
    if (tile.heads() > 1) {
      return -1;
    }
    long row = sequences.startQ(tile.b()) + tile.row0();
    long at = source.at(sequences.entry(tile.b()), tile.head(), row);
    return inPlace(source, at, columns);
  }

  private static long inPlace(Rows source, long at, int columns) {
    boolean neighbours = source.columnStride() == 1 || columns == 1;
    return source.dtype() == DType.FLOAT32 && neighbours ? at * Float.BYTES : -1;
  }

  private static void stageQueries(
      Rows source, Sequences sequences, QueryTile tile, int columns, Workspace w) {
    long row = sequences.startQ(tile.b()) + tile.row0();
    for (int g = 0; g < tile.heads(); g++) {
      long at = source.at(sequences.entry(tile.b()), tile.head() + g, row);
      stage(source, at, tile.rows(), g * tile.rows(), columns, w);
    }
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
    MethodHandle widen = source.dtype() == DType.FLOAT16 ? WIDEN_FLOAT16 : WIDEN_BFLOAT16;
    for (int i = 0; i < pieces; i++) {
      long start = (at + i * source.rowStride()) * Short.BYTES;
      long to = w.stage.address() + (long) (first + i) * columns * Float.BYTES;
      Calls.runAt(widen, from, start, length, to);
    }
  }
}
