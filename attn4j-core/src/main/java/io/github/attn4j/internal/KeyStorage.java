package io.github.attn4j.internal;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Checks how the key or the value of a call is stored and turns it into rows. */
final class KeyStorage {
  private final AttentionSpec spec;
  private final String name;
  private final Tensor tensor;
  private final int dim;
  private final @Nullable Tensor blockTable;
  private final @Nullable Quantization quantization;

  private KeyStorage(
      AttentionSpec spec,
      String name,
      Tensor tensor,
      int dim,
      @Nullable Tensor blockTable,
      @Nullable Quantization quantization) {
    this.spec = spec;
    this.name = name;
    this.tensor = tensor;
    this.dim = dim;
    this.blockTable = blockTable;
    this.quantization = quantization;
  }

  static KeyRows key(AttentionSpec spec, AttentionInputs inputs) {
    AttentionInputs.Storage storage = inputs.storage();
    return new KeyStorage(
            spec,
            "key",
            inputs.key(),
            spec.headDim(),
            storage == null ? null : storage.blockTable(),
            storage == null ? null : storage.key())
        .rows(inputs);
  }

  static KeyRows value(AttentionSpec spec, AttentionInputs inputs) {
    AttentionInputs.Storage storage = inputs.storage();
    return new KeyStorage(
            spec,
            "value",
            inputs.value(),
            spec.valueDim(),
            storage == null ? null : storage.blockTable(),
            storage == null ? null : storage.value())
        .rows(inputs);
  }

  private RefusedException misfit(String expected, AttentionInputs inputs) {
    return CallBuilder.misfit(name, expected, tensor, spec, inputs);
  }

  private KeyRows rows(AttentionInputs inputs) {
    if (tensor.dtype() != spec.kvDtype()) {
      throw RefusedException.type(
          name, "expected dtype %s, got %s".formatted(spec.kvDtype(), tensor));
    }
    if ((tensor.dtype() == DType.INT8) != (quantization != null)) {
      throw RefusedException.value(
          name,
          "expected INT8 with a quantisation or floating without, got %s %s"
              .formatted(tensor, quantization == null ? "without" : "with " + quantization));
    }
    boolean nibbles = quantization != null && quantization.bits() == 4;
    int columns = nibbles ? Math.ceilDiv(dim, 2) : dim;
    Sequences sequences = spec.sequences();
    Tensor canonical;
    int[][] pages = null;
    if (blockTable == null) {
      long[] shape = Layouts.shape(spec.layout(), sequences, false, spec.kvHeads(), columns);
      if (!tensor.hasShape(shape)) {
        throw misfit("shape " + Arrays.toString(shape), inputs);
      }
      canonical = Layouts.canonical(spec.layout(), tensor, spec.kvHeads());
    } else {
      if (tensor.rank() != 4
          || tensor.dim(1) != spec.kvHeads()
          || tensor.dim(2) < 1
          || tensor.dim(3) != columns) {
        throw misfit("(pages, %d, page size, %d)".formatted(spec.kvHeads(), columns), inputs);
      }
      if (inputs.key().dim(2) != tensor.dim(2)) {
        throw misfit("a page size of %d, as the key has".formatted(inputs.key().dim(2)), inputs);
      }
      canonical = tensor;
      pages = pages(blockTable);
    }
    long[] numbers = {canonical.dim(0), canonical.dim(1), canonical.dim(2), dim};
    return new KeyRows(
        Rows.of(canonical),
        pages,
        blockTable == null ? 0 : Math.toIntExact(tensor.dim(2)),
        quantization == null ? null : broadcast("scale", quantization.scale(), numbers),
        quantization == null || quantization.offset() == null
            ? null
            : broadcast("offset", quantization.offset(), numbers),
        nibbles);
  }

  private Rows broadcast(String what, Tensor factor, long[] numbers) {
    for (int d = 0; d < 4; d++) {
      if (factor.dim(d) != numbers[d] && factor.dim(d) != 1) {
        throw RefusedException.value(
            name + " " + what,
            "expected (entries, kvHeads, rows, columns) = %s, each or 1, got %s"
                .formatted(Arrays.toString(numbers), factor));
      }
    }
    return Rows.of(factor.expand(numbers));
  }

  /** The pages of every sequence up to its end, each number checked. */
  private int[][] pages(Tensor table) {
    Sequences sequences = spec.sequences();
    if (table.dtype() != DType.INT32) {
      throw RefusedException.type("blockTable", "expected INT32, got " + table);
    }
    if (table.rank() != 2 || table.dim(0) != sequences.count()) {
      throw RefusedException.value(
          "blockTable",
          "expected (%d sequences, pages), got %s".formatted(sequences.count(), table));
    }
    int pageSize = Math.toIntExact(tensor.dim(2));
    int[][] pages = new int[sequences.count()][];
    for (int b = 0; b < pages.length; b++) {
      int needed = Math.ceilDiv(sequences.lengthK(b), pageSize);
      if (table.dim(1) < needed) {
        throw RefusedException.value(
            "blockTable",
            "expected %d pages of %d for the %d keys of sequence %d, got %s"
                .formatted(needed, pageSize, sequences.lengthK(b), b, table));
      }
      pages[b] = new int[needed];
      for (int n = 0; n < needed; n++) {
        long page = table.getLong(b, n);
        if (page < 0 || page >= tensor.dim(0)) {
          throw RefusedException.value(
              "blockTable",
              "expected pages from 0 to %d (%s %s), got %d at [%d, %d]"
                  .formatted(tensor.dim(0) - 1, name, tensor, page, b, n));
        }
        pages[b][n] = (int) page;
      }
    }
    return pages;
  }

  /** One stored row as the numbers it stands for. */
  static double[] read(KeyRows keys, long entry, int head, long row, int columns) {
    Rows rows = keys.rows();
    double[] values = new double[columns];
    for (int c = 0; c < columns; c++) {
      values[c] = element(rows, entry, head, row, keys.nibbles() ? c / 2 : c);
      if (keys.nibbles()) {
        int pair = (int) values[c];
        values[c] = (c & 1) == 0 ? (byte) (pair << 4) >> 4 : pair >> 4;
      }
      if (keys.scale() != null) {
        double offset = keys.offset() == null ? 0 : element(keys.offset(), entry, head, row, c);
        values[c] = (values[c] + offset) * element(keys.scale(), entry, head, row, c);
      }
    }
    return values;
  }

  private static double element(Rows rows, long entry, int head, long row, int column) {
    return Elements.get(
        rows.segment(), rows.dtype(), rows.at(entry, head, row) + column * rows.columnStride());
  }
}
