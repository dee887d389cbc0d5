package io.github.attn4j.cpu.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.github.attn4j.DType;
import io.github.attn4j.Sequences;
import io.github.attn4j.cpu.emit.DecodeStorage;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** The keys, or the values, of a call where the kernels of a decode can read them. */
final class DecodeSource {
  /** Keys that the kernel of scores reads at a time. */
  static final int BLOCK = 16;

  /** Elements that the kernels read at a time. */
  private static final int LANES = 16;

  private final Sequences sequences;
  private final KeyRows keys;
  private final int columns;
  private final DecodeStorage storage;

  private DecodeSource(Sequences sequences, KeyRows keys, int columns, DecodeStorage storage) {
    this.sequences = sequences;
    this.keys = keys;
    this.columns = columns;
    this.storage = storage;
  }

  /** The source, or null if the kernels cannot read it. */
  static @Nullable DecodeSource of(Sequences sequences, KeyRows keys, int columns) {
    DecodeStorage storage = storage(keys);
    return storage == null || keys.rows().columnStride() != 1 || columns % LANES != 0
        ? null
        : new DecodeSource(sequences, keys, columns, storage);
  }

  private static @Nullable DecodeStorage storage(KeyRows keys) {
    Rows scale = keys.scale();
    if (scale == null) {
      return switch (keys.rows().dtype()) {
        case FLOAT32 -> DecodeStorage.FLOAT32;
        case BFLOAT16 -> DecodeStorage.BFLOAT16;
        case FLOAT16 -> DecodeStorage.FLOAT16;
        default -> null;
      };
    }
    if (keys.nibbles() || keys.offset() != null) {
      return null;
    }
    if (scale.rowStride() == 0) {
      boolean changes = keys.pages() != null && scale.entryStride() != 0;
      return changes ? null : DecodeStorage.INT8_BY_COLUMN;
    }
    return scale.columnStride() == 0 ? DecodeStorage.INT8_BY_KEY : null;
  }

  DecodeStorage storage() {
    return storage;
  }

  int columns() {
    return columns;
  }

  MemorySegment segment() {
    return keys.rows().segment();
  }

  /** How many keys from {@code j} on lie one stride apart. */
  int run(int j, int most) {
    return keys.run(j, most);
  }

  /** Bytes from the start of the memory to a key. */
  long offset(int b, int head, int j) {
    long entry = keys.entry(sequences, b, j);
    return keys.rows().at(entry, head, keys.row(sequences, b, j)) * keys.rows().dtype().bytes();
  }

  /** Bytes between neighbouring keys. */
  long stride() {
    return keys.rows().rowStride() * keys.rows().dtype().bytes();
  }

  /** Bytes of a key. */
  long bytes() {
    return (long) columns * keys.rows().dtype().bytes();
  }

  /** Reads the factors of a tile's keys, if each has its own. */
  void loadKeyFactors(int b, int head, int key0, int count, Floats to) {
    Rows scale = keys.scale();
    for (int j = 0; storage == DecodeStorage.INT8_BY_KEY && scale != null && j < count; ) {
      int run = keys.run(key0 + j, count - j);
      keyFactors(scale, factor(scale, b, head, key0 + j), run, to, j);
      j += run;
    }
  }

  /** Reads the factors of the columns, if all keys of a head have the same. */
  void loadColumnFactors(int b, int head, Floats to, Workspace w) {
    Rows scale = keys.scale();
    if (storage == DecodeStorage.INT8_BY_COLUMN && scale != null) {
      IntegerRows.readFactors(scale, factor(scale, b, head, 0), columns, w.scales, w.halves);
      to.copyFrom(w.scales, 0, columns);
    }
  }

  /** Where the factors of key {@code j} of a tile stand, and of those behind it. */
  long factors(Floats loaded, int j) {
    return loaded.address() + (storage == DecodeStorage.INT8_BY_KEY ? (long) j * Float.BYTES : 0);
  }

  private long factor(Rows scale, int b, int head, int j) {
    return scale.at(keys.entry(sequences, b, j), head, keys.row(sequences, b, j));
  }

  private static void keyFactors(Rows scale, long at, int run, Floats to, int first) {
    if (scale.dtype() == DType.FLOAT32 && scale.rowStride() == 1) {
      long place = (long) first * Float.BYTES;
      MemorySegment.copy(
          scale.segment(),
          JAVA_FLOAT_UNALIGNED,
          at * Float.BYTES,
          to.segment(),
          JAVA_FLOAT,
          place,
          run);
      return;
    }
    for (int j = 0; j < run; j++) {
      to.set(first + j, RowTransfer.get(scale, at + j * scale.rowStride()));
    }
  }

  /** Copies a block of keys, at most those of {@link #BLOCK}, one behind the other. */
  void copyBlock(int b, int head, int key0, int count, Floats to) {
    for (int j = 0; j < count; ) {
      int run = keys.run(key0 + j, count - j);
      for (int i = 0; i < run; i++) {
        long from = offset(b, head, key0 + j) + i * stride();
        MemorySegment.copy(segment(), from, to.segment(), (j + i) * bytes(), bytes());
      }
      j += run;
    }
  }
}
