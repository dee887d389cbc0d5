package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Alignment;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * The variable-length operators as their document and its kernels word them, element by element:
 * where a sequence starts, which slot of the packed tensor a head is, and what each result is.
 */
@NullMarked
final class VarlenOracle {
  private final VarlenCase c;

  VarlenOracle(VarlenCase c) {
    this.c = c;
  }

  private int startQ(int b) {
    return start(b, c.lengthsQ, c.maxSeqlenQ);
  }

  private int startK(int b) {
    return start(b, c.lengthsK, c.maxSeqlenK);
  }

  private int start(int b, int[] lengths, int most) {
    int before = 0;
    for (int earlier = 0; earlier < b; earlier++) {
      before += lengths[earlier];
    }
    return c.padded ? b * most : before;
  }

  /** Where column d of a row of head h stands: query 0, key 1, value 2. */
  private long[] place(int which, int row, int h, int d) {
    if (!c.packed) {
      return new long[] {row, h, d};
    }
    return which == 0
        ? new long[] {row, h / c.kvHeads, h % c.kvHeads, d}
        : new long[] {row, c.group + which - 1, h, d};
  }

  private double[][] rows(int which, int start, int length, int h, int columns) {
    Tensor tensor = c.tensors.get(c.packed ? 0 : which);
    double[][] rows = new double[length][columns];
    for (int i = 0; i < length; i++) {
      for (int d = 0; d < columns; d++) {
        rows[i][d] = tensor.get(place(which, start + i, h, d));
      }
    }
    return rows;
  }

  private FlashAttnHead head(int b, int h, Tensor dout, @Nullable Bits bits) {
    int queries = c.lengthsQ[b];
    int keys = c.lengthsK[b];
    int kv = h / c.group;
    boolean[][] visible = new boolean[queries][keys];
    double[][] keep = FlashAttnHead.keepAll(queries, keys);
    double[][] dy = new double[queries][c.valueDim];
    int offset = c.alignment == Alignment.TOP_LEFT ? 0 : keys - queries;
    for (int i = 0; i < queries; i++) {
      for (int d = 0; d < c.valueDim; d++) {
        dy[i][d] = dout.get(startQ(b) + i, h, d);
      }
      for (int j = 0; j < keys; j++) {
        visible[i][j] = !c.causal || j <= i + offset;
        keep[i][j] = bits == null ? 1 : bits.kept(b, h, i, j) ? 1 / (1 - c.dropout) : 0;
      }
    }
    return new FlashAttnHead(
        new FlashAttnHead.Inputs(
            rows(0, startQ(b), queries, h, c.headDim),
            rows(1, startK(b), keys, kv, c.headDim),
            rows(2, startK(b), keys, kv, c.valueDim),
            visible,
            null,
            keep,
            c.scale,
            0,
            c.dtype),
        dy);
  }

  /** The packed bits of the dropout, element by element: sequence, head, query, key. */
  private final class Bits {
    private final Tensor packed;

    Bits(CoreCall core) {
      Dropout dropout = Dropout.of(c.dropout, c.seedOffset.getLong(0), c.seedOffset.getLong(1));
      packed = core.plan().dropoutMask(dropout);
    }

    boolean kept(int b, int h, int i, int j) {
      long bit = ((long) h * c.lengthsQ[b] + i) * c.lengthsK[b] + j;
      for (int earlier = 0; earlier < b; earlier++) {
        bit += (long) c.heads() * c.lengthsQ[earlier] * c.lengthsK[earlier];
      }
      return ((int) packed.get(bit >> 3) >> (bit & 7) & 1) == 1;
    }
  }

  /** The output, the softmax and the gradients: dqkv, or those of query, key and value. */
  void check(FlashAttnVarlen.Result result, List<Tensor> gradients, Tensor dout) {
    FlashAttnSums out = new FlashAttnSums(c.totalQ, c.heads(), c.valueDim);
    List<FlashAttnSums> sums =
        c.tensors.stream().map(tensor -> new FlashAttnSums(tensor.shape())).toList();
    Bits bits = c.dropout > 0 ? new Bits(result.core()) : null;
    FlashAttnSums softmax =
        c.returnSoftmax
            ? new FlashAttnSums(
                c.batch,
                c.heads(),
                (c.maxSeqlenQ + 127) / 128 * 128L,
                (c.maxSeqlenK + 127) / 128 * 128L)
            : null;
    for (int b = 0; b < c.batch; b++) {
      int q0 = startQ(b);
      int k0 = startK(b);
      for (int h = 0; h < c.heads(); h++) {
        long[] head = {b, h};
        int heads = h;
        FlashAttnHead one = head(b, h, dout, bits);
        out.addAll(one, pass -> pass.out, (i, d) -> new long[] {q0 + i, head[1], d});
        sums.getFirst().addAll(one, pass -> pass.dq, (i, d) -> place(0, q0 + i, heads, d));
        sums.get(c.packed ? 0 : 1)
            .addAll(one, pass -> pass.dk, (j, d) -> place(1, k0 + j, heads / c.group, d));
        sums.get(c.packed ? 0 : 2)
            .addAll(one, pass -> pass.dv, (j, d) -> place(2, k0 + j, heads / c.group, d));
        if (softmax != null && bits != null) {
          softmax.addAll(one, pass -> pass.p, (i, j) -> new long[] {head[0], head[1], i, j});
          checkSigns(Objects.requireNonNull(result.softmax()), bits, b, h);
        }
      }
    }
    out.check("out", result.out(), c.dtype);
    for (int t = 0; t < sums.size(); t++) {
      sums.get(t).check("gradient " + t, gradients.get(t), c.dtype);
    }
    assertThat(result.softmax() == null).isEqualTo(softmax == null);
    if (softmax != null && result.softmax() != null) {
      softmax.check("|softmax|", magnitudes(result.softmax()), c.dtype);
    }
  }

  private void checkSigns(Tensor softmax, Bits bits, int b, int h) {
    for (int i = 0; i < c.lengthsQ[b]; i++) {
      for (int j = 0; j < c.lengthsK[b]; j++) {
        boolean negative = Double.doubleToRawLongBits(softmax.get(b, h, i, j)) < 0;
        assertThat(negative).as("sign %d %d %d %d", b, h, i, j).isNotEqualTo(bits.kept(b, h, i, j));
      }
    }
  }

  private static Tensor magnitudes(Tensor softmax) {
    float[] values = softmax.toFloatArray();
    for (int n = 0; n < values.length; n++) {
      values[n] = Math.abs(values[n]);
    }
    return Tensor.of(values, softmax.shape()).to(softmax.dtype());
  }

  /** Puts NaN in the rows that belong to no sequence: nothing may read them. */
  void poisonPadding() {
    Tensor[] rows = {Tensor.zeros(DType.BOOL, c.totalQ), Tensor.zeros(DType.BOOL, c.totalK)};
    for (int b = 0; b < c.batch; b++) {
      rows[0].slice(0, startQ(b), startQ(b) + c.lengthsQ[b]).assign(ones(c.lengthsQ[b]));
      rows[1].slice(0, startK(b), startK(b) + c.lengthsK[b]).assign(ones(c.lengthsK[b]));
    }
    for (int which = 0; which < 3; which++) {
      Tensor real = rows[Math.min(which, 1)];
      int heads = which == 0 ? c.heads() : c.kvHeads;
      for (int row = 0; row < real.dim(0); row++) {
        for (int h = 0; real.get(row) == 0 && h < heads; h++) {
          for (int d = 0; d < (which == 2 ? c.valueDim : c.headDim); d++) {
            c.tensors.get(c.packed ? 0 : which).set(Double.NaN, place(which, row, h, d));
          }
        }
      }
    }
  }

  private static Tensor ones(int count) {
    byte[] ones = new byte[count];
    Arrays.fill(ones, (byte) 1);
    return Tensor.of(ones, DType.BOOL, count);
  }
}
