package io.github.attn4j.testkit;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * The key or the value of a case as its {@link StoredAs} says, and the way back to plain rows. What
 * no computation may read is NaN, or any byte.
 */
final class StoredKeys {
  private final AttentionCase c;
  private final Sequences sequences;
  private final int columns;
  private final Tensor lines;
  private final @Nullable Tensor table;
  private final @Nullable Quantization quantization;

  private StoredKeys(
      AttentionCase c,
      int columns,
      Tensor tensor,
      @Nullable Tensor table,
      @Nullable Quantization quantization) {
    this.c = c;
    this.sequences = c.sequences();
    this.columns = columns;
    this.lines = table == null ? Views.canonical(c.layout, tensor, c.kvHeads) : tensor;
    this.table = table;
    this.quantization = quantization;
  }

  /** Pages of the sequences in any order, with some that belong to nobody, and one entry more. */
  static @Nullable Tensor blockTable(Draw draw, AttentionCase c) {
    if (c.stored == null || c.stored.pageSize() == 0) {
      return null;
    }
    int size = c.stored.pageSize();
    List<Integer> pages = new ArrayList<>();
    int most = 0;
    for (int length : c.lengthsK) {
      most = Math.max(most, Math.ceilDiv(length, size));
    }
    for (int n = 0; n < pageCount(c); n++) {
      pages.add(n);
    }
    Collections.shuffle(pages, new java.util.Random(draw.bits()));
    Tensor table = Storage.allocate(draw, c.strided, DType.INT32, c.batch(), most + 1L).view();
    Storage.fill(table, -77);
    int next = 0;
    for (int b = 0; b < c.batch(); b++) {
      for (int n = 0; n < Math.ceilDiv(c.lengthsK[b], size); n++) {
        table.set(pages.get(next++), b, n);
      }
    }
    return table;
  }

  private static int pageCount(AttentionCase c) {
    int size = c.stored == null ? 1 : c.stored.pageSize();
    int pages = 2;
    for (int length : c.lengthsK) {
      pages += Math.ceilDiv(length, size);
    }
    return pages;
  }

  /** Where key j of sequence b lies: entry or page, and row. */
  private long[] place(int b, int j) {
    if (table == null || c.stored == null) {
      return new long[] {sequences.entry(b), sequences.startK(b) + j};
    }
    int size = c.stored.pageSize();
    return new long[] {table.getLong(b, j / size), j % size};
  }

  /** Draws a tensor of integers and what they stand for. */
  static Made integers(
      Draw draw, AttentionCase c, int columns, StoredAs.Integers as, @Nullable Tensor table) {
    Tensor tensor =
        Storage.allocate(draw, c.strided, DType.INT8, shape(c, as.stored(columns), table)).view();
    StoredKeys bare = new StoredKeys(c, columns, tensor, table, null);
    SplittableRandom bytes = new SplittableRandom(draw.bits());
    for (long e = 0; e < bare.lines.dim(0); e++) {
      for (long h = 0; h < c.kvHeads; h++) {
        for (long i = 0; i < bare.lines.dim(2); i++) {
          for (long d = 0; d < bare.lines.dim(3); d++) {
            bare.lines.set(bytes.nextInt(-128, 128), e, h, i, d);
          }
        }
      }
    }
    double unit = as.bits() == 8 ? 1.0 / 64 : 0.25;
    Tensor scale = bare.factors(draw, as, unit, true);
    Tensor offset = as.offset() ? bare.factors(draw, as, as.bits() == 8 ? 8 : 1, false) : null;
    return new Made(tensor, new Quantization(as.bits(), scale, offset));
  }

  /** A tensor, and what its integers mean if it has any. */
  record Made(Tensor tensor, @Nullable Quantization quantization) {}

  /** Draws a tensor of numbers in pages. */
  static Made pages(Draw draw, AttentionCase c, int columns, char role, Tensor table) {
    Tensor tensor = Storage.allocate(draw, c.strided, c.kvDtype(), shape(c, columns, table)).view();
    Storage.fill(tensor, Double.NaN);
    StoredKeys keys = new StoredKeys(c, columns, tensor, table, null);
    for (int b = 0; b < c.batch(); b++) {
      for (int h = 0; h < c.kvHeads; h++) {
        for (int j = 0; j < c.lengthsK[b]; j++) {
          long[] at = keys.place(b, j);
          for (int d = 0; d < columns; d++) {
            tensor.set(Materials.number(draw, c.spread, role), at[0], h, at[1], d);
          }
        }
      }
    }
    return new Made(tensor, null);
  }

  private static long[] shape(AttentionCase c, int columns, @Nullable Tensor table) {
    if (table != null && c.stored != null) {
      return new long[] {pageCount(c), c.kvHeads, c.stored.pageSize(), columns};
    }
    Sequences sequences = c.sequences();
    return Views.shape(c.layout, sequences.entries(), sequences.extentK(), c.kvHeads, columns);
  }

  /** Scales or offsets; NaN where no key of a sequence has one. */
  private Tensor factors(Draw draw, StoredAs.Integers as, double unit, boolean positive) {
    boolean token =
        as.grain() == StoredAs.Grain.TOKEN || as.grain() == StoredAs.Grain.TOKEN_OF_ALL_HEADS;
    boolean heads = as.grain() == StoredAs.Grain.CHANNEL || as.grain() == StoredAs.Grain.TOKEN;
    long[] shape = {
      token ? lines.dim(0) : 1,
      heads ? c.kvHeads : 1,
      token ? lines.dim(2) : 1,
      as.grain() == StoredAs.Grain.CHANNEL ? columns : 1
    };
    Tensor factors = Storage.allocate(draw, c.strided, as.factors(), shape).view();
    Storage.fill(factors, Double.NaN);
    for (int b = 0; b < c.batch(); b++) {
      for (int j = 0; j < c.lengthsK[b]; j++) {
        long[] at = place(b, j);
        for (int h = 0; h < c.kvHeads; h++) {
          for (int d = 0; d < shape[3]; d++) {
            long[] index = clamp(factors, at[0], h, at[1], d);
            if (Double.isNaN(factors.get(index))) {
              double x = draw.gaussian();
              factors.set(unit * (positive ? Math.exp(0.3 * x) : x), index);
            }
          }
        }
      }
    }
    return factors;
  }

  private static long[] clamp(Tensor tensor, long... index) {
    long[] clamped = new long[4];
    for (int d = 0; d < 4; d++) {
      clamped[d] = Math.min(index[d], tensor.dim(d) - 1);
    }
    return clamped;
  }

  /** The number of a column: {@code (integer + offset) * scale}, each step rounded to float32. */
  private float number(long entry, int h, long row, int d) {
    if (quantization == null) {
      return (float) lines.get(entry, h, row, d);
    }
    int stored = (int) lines.get(entry, h, row, quantization.bits() == 4 ? d / 2 : d);
    if (quantization.bits() == 4) {
      int nibble = (d % 2 == 0 ? stored : stored >> 4) & 15;
      stored = nibble < 8 ? nibble : nibble - 16;
    }
    float number = stored;
    Tensor offset = quantization.offset();
    if (offset != null) {
      number += (float) offset.get(clamp(offset, entry, h, row, d));
    }
    Tensor scale = quantization.scale();
    return number * (float) scale.get(clamp(scale, entry, h, row, d));
  }

  /** The same numbers as plain rows of the case's layout; NaN where no sequence is. */
  private Tensor plain() {
    DType dtype = quantization == null ? c.kvDtype() : DType.FLOAT32;
    Tensor plain = Tensor.zeros(dtype, shape(c, columns, null));
    Storage.fill(plain, Double.NaN);
    Tensor to = Views.canonical(c.layout, plain, c.kvHeads);
    for (int b = 0; b < c.batch(); b++) {
      for (int h = 0; h < c.kvHeads; h++) {
        for (int j = 0; j < c.lengthsK[b]; j++) {
          long[] at = place(b, j);
          for (int d = 0; d < columns; d++) {
            to.set(number(at[0], h, at[1], d), sequences.entry(b), h, sequences.startK(b) + j, d);
          }
        }
      }
    }
    return plain;
  }

  /** Inputs with the key and value of the same numbers in one piece. */
  static AttentionInputs plain(AttentionCase c, AttentionInputs inputs) {
    AttentionInputs.Storage storage = inputs.storage();
    if (storage == null) {
      return inputs;
    }
    Tensor table = storage.blockTable();
    Tensor key = new StoredKeys(c, c.headDim, inputs.key(), table, storage.key()).plain();
    Tensor value = new StoredKeys(c, c.valueDim, inputs.value(), table, storage.value()).plain();
    return new AttentionInputs(
        inputs.query(), key, value, inputs.bias(), inputs.sink(), inputs.dropout(), null);
  }
}
