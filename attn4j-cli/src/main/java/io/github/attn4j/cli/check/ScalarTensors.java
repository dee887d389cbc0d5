package io.github.attn4j.cli.check;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Quantization;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Reads the tensors of a call one sequence and head at a time, however they are stored. */
final class ScalarTensors {
  private final AttentionSpec spec;
  private final Sequences sequences;
  private final Arithmetic arithmetic;

  ScalarTensors(AttentionSpec spec, Arithmetic arithmetic) {
    this.spec = spec;
    this.sequences = spec.sequences();
    this.arithmetic = arithmetic;
  }

  /** The rows of a tensor of the queries' shape. */
  Lines queries(Tensor tensor, int b, int h) {
    Tensor rows = Quantity.view(tensor, spec, spec.heads());
    return plain(rows, b, h, sequences.startQ(b), sequences.lengthQ(b));
  }

  Lines keys(AttentionInputs inputs, int b, int kvHead) {
    AttentionInputs.Storage storage = inputs.storage();
    return storage == null
        ? plainKeys(inputs.key(), b, kvHead)
        : stored(inputs.key(), storage.blockTable(), storage.key(), b, kvHead, spec.headDim());
  }

  Lines values(AttentionInputs inputs, int b, int kvHead) {
    AttentionInputs.Storage storage = inputs.storage();
    return storage == null
        ? plainKeys(inputs.value(), b, kvHead)
        : stored(inputs.value(), storage.blockTable(), storage.value(), b, kvHead, spec.valueDim());
  }

  private Lines plainKeys(Tensor tensor, int b, int kvHead) {
    Tensor rows = Quantity.view(tensor, spec, spec.kvHeads());
    return plain(rows, b, kvHead, sequences.startK(b), sequences.lengthK(b));
  }

  private Lines plain(Tensor rows, int b, int head, long start, int length) {
    float[] data =
        rows.select(0, sequences.entry(b))
            .select(0, head)
            .slice(0, start, start + length)
            .toFloatArray();
    double[] numbers = new double[data.length];
    Arrays.setAll(numbers, n -> data[n]);
    return Lines.of(numbers, length, Math.toIntExact(rows.dim(3)));
  }

  private Lines stored(
      Tensor tensor,
      @Nullable Tensor blockTable,
      @Nullable Quantization integers,
      int b,
      int kvHead,
      int columns) {
    Tensor rows = blockTable == null ? Quantity.view(tensor, spec, spec.kvHeads()) : tensor;
    int length = sequences.lengthK(b);
    double[] data = new double[Math.multiplyExact(length, columns)];
    for (int j = 0; j < length; j++) {
      long entry = sequences.entry(b);
      long row = sequences.startK(b) + j;
      if (blockTable != null) {
        entry = blockTable.getLong(b, j / rows.dim(2));
        row = j % rows.dim(2);
      }
      for (int c = 0; c < columns; c++) {
        data[j * columns + c] =
            integers == null
                ? rows.get(entry, kvHead, row, c)
                : number(rows, integers, entry, kvHead, row, c);
      }
    }
    return Lines.of(data, length, columns);
  }

  /** (integer + offset) times scale; a plain program keeps it in the dtype of the query. */
  private double number(
      Tensor rows, Quantization integers, long entry, int kvHead, long row, int column) {
    double integer;
    if (integers.bits() == 4) {
      int pair = (int) rows.get(entry, kvHead, row, column / 2);
      integer = column % 2 == 0 ? ((pair & 15) ^ 8) - 8 : pair >> 4;
    } else {
      integer = rows.get(entry, kvHead, row, column);
    }
    Tensor offset = integers.offset();
    double moved =
        offset == null ? integer : integer + broadcast(offset, entry, kvHead, row, column);
    double scale = broadcast(integers.scale(), entry, kvHead, row, column);
    return arithmetic.store(arithmetic.accumulator(moved) * scale);
  }

  /** An element of a tensor whose extents of one stand for any. */
  static double broadcast(Tensor tensor, long... index) {
    long[] place = new long[index.length];
    Arrays.setAll(place, d -> Math.min(index[d], tensor.dim(d) - 1));
    return tensor.get(place);
  }
}
