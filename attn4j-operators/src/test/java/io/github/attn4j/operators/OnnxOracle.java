package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * The operator as the standard words it, element by element: where an element of Q, of the present
 * keys and of the mask lies, what the masks allow, and what each result is to be.
 */
@NullMarked
final class OnnxOracle {
  private final OnnxCase c;
  private final double softmaxScale;
  private final int total;

  OnnxOracle(OnnxCase c) {
    this.c = c;
    total = c.total();
    softmaxScale = c.scale == null ? 1 / Math.sqrt(c.headDim) : c.scale;
  }

  /** Element (b, h, i, column) of an input, whichever rank it has. */
  private double at(Tensor tensor, int columns, int b, int h, int i, int column) {
    return c.packed ? tensor.get(b, i, (long) h * columns + column) : tensor.get(b, h, i, column);
  }

  /** Row j of the past and the new keys or values together. */
  private double[] present(@Nullable Tensor past, Tensor fresh, int columns, int b, int h, int j) {
    double[] row = new double[columns];
    for (int d = 0; d < columns; d++) {
      row[d] =
          j < c.past
              ? Objects.requireNonNull(past).get(b, h, j, d)
              : at(fresh, columns, b, h, j - c.past, d);
    }
    return row;
  }

  /** Where an element of the mask stands for (b, h, i, j); null behind its last column. */
  private long @Nullable [] place(long[] head, int i, int j) {
    Tensor mask = Objects.requireNonNull(c.mask);
    long[] full = {head[0], head[1], i, j};
    long[] index = new long[mask.rank()];
    for (int d = 0; d < index.length; d++) {
      index[d] = full[4 - index.length + d];
      if (d < index.length - 1 && mask.dim(d) == 1) {
        index[d] = 0;
      }
    }
    return j < mask.dim(-1) ? index : null;
  }

  boolean visible(int b, int h, int i, int j) {
    if (c.causal) {
      long offset = c.lengths == null ? c.past : c.lengths[b] - c.seqlenQ;
      if (j > i + offset) {
        return false;
      }
    }
    if (c.lengths != null && j >= c.lengths[b]) {
      return false;
    }
    if (c.mask == null) {
      return true;
    }
    long[] place = place(new long[] {b, h}, i, j);
    if (place == null) {
      return false;
    }
    double element = c.mask.get(place);
    return c.mask.dtype() == DType.BOOL ? element != 0 : element != Double.NEGATIVE_INFINITY;
  }

  /** Puts NaN where no query looks. */
  void poison() {
    for (int b = 0; b < c.batch; b++) {
      for (int kv = 0; kv < c.kvHeads; kv++) {
        for (int j = 0; j < total; j++) {
          if (!anyoneSees(b, kv, j)) {
            poison(c.pastKey, c.key, c.headDim, b, kv, j);
            poison(c.pastValue, c.value, c.valueDim, b, kv, j);
          }
        }
      }
    }
  }

  private boolean anyoneSees(int b, int kv, int j) {
    int group = c.heads / c.kvHeads;
    for (int h = kv * group; h < (kv + 1) * group; h++) {
      for (int i = 0; i < c.seqlenQ; i++) {
        if (visible(b, h, i, j)) {
          return true;
        }
      }
    }
    return false;
  }

  private void poison(@Nullable Tensor past, Tensor fresh, int columns, int b, int h, int j) {
    for (int d = 0; d < columns; d++) {
      if (j < c.past) {
        Objects.requireNonNull(past).set(Double.NaN, b, h, j, d);
      } else if (c.packed) {
        fresh.set(Double.NaN, b, j - c.past, (long) h * columns + d);
      } else {
        fresh.set(Double.NaN, b, h, j - c.past, d);
      }
    }
  }

  private FlashAttnHead head(int b, int h, Tensor dout) {
    int kv = h / (c.heads / c.kvHeads);
    double[][] q = new double[c.seqlenQ][c.headDim];
    double[][] dy = new double[c.seqlenQ][c.valueDim];
    boolean[][] visible = new boolean[c.seqlenQ][total];
    double[][] bias = new double[c.seqlenQ][total];
    for (int i = 0; i < c.seqlenQ; i++) {
      for (int d = 0; d < c.headDim; d++) {
        q[i][d] = at(c.query, c.headDim, b, h, i, d);
      }
      for (int d = 0; d < c.valueDim; d++) {
        dy[i][d] = at(dout, c.valueDim, b, h, i, d);
      }
      for (int j = 0; j < total; j++) {
        visible[i][j] = visible(b, h, i, j);
        if (c.adds() && visible[i][j]) {
          bias[i][j] =
              Objects.requireNonNull(c.mask)
                  .get(Objects.requireNonNull(place(new long[] {b, h}, i, j)));
        }
      }
    }
    double[][] k = new double[total][];
    double[][] v = new double[total][];
    for (int j = 0; j < total; j++) {
      k[j] = present(c.pastKey, c.key, c.headDim, b, kv, j);
      v[j] = present(c.pastValue, c.value, c.valueDim, b, kv, j);
    }
    return new FlashAttnHead(
        new FlashAttnHead.Inputs(
            q,
            k,
            v,
            visible,
            bias,
            FlashAttnHead.keepAll(c.seqlenQ, total),
            softmaxScale,
            c.softcap,
            c.dtype),
        dy);
  }

  /** Every result of a call, and every gradient. */
  void check(OnnxAttention.Result result, OnnxAttention.Gradients gradients, Tensor dout) {
    FlashAttnSums y = new FlashAttnSums(result.y().shape());
    FlashAttnSums matmul = new FlashAttnSums(c.batch, c.heads, c.seqlenQ, total);
    FlashAttnSums dq = new FlashAttnSums(c.query.shape());
    FlashAttnSums dk = new FlashAttnSums(c.batch, c.kvHeads, total, c.headDim);
    FlashAttnSums dv = new FlashAttnSums(c.batch, c.kvHeads, total, c.valueDim);
    FlashAttnSums dmask = c.adds() ? new FlashAttnSums(c.shapeOfMask()) : null;
    for (int b = 0; b < c.batch; b++) {
      for (int h = 0; h < c.heads; h++) {
        int kv = h / (c.heads / c.kvHeads);
        long[] queryHead = {b, h};
        long[] keyHead = {b, kv};
        FlashAttnHead head = head(b, h, dout);
        y.addAll(head, pass -> pass.out, (i, d) -> place(c.valueDim, queryHead, i, d));
        dq.addAll(head, pass -> pass.dq, (i, d) -> place(c.headDim, queryHead, i, d));
        dk.addAll(head, pass -> pass.dk, (j, d) -> new long[] {keyHead[0], keyHead[1], j, d});
        dv.addAll(head, pass -> pass.dv, (j, d) -> new long[] {keyHead[0], keyHead[1], j, d});
        matmul.addAll(head, stage(), (i, j) -> new long[] {queryHead[0], queryHead[1], i, j});
        if (dmask != null) {
          dmask.addAll(head, pass -> pass.dbias, (i, j) -> place(queryHead, i, j));
        }
      }
    }
    y.check("Y", result.y(), c.dtype);
    dq.check("dQ", gradients.dQ(), c.dtype);
    dk.check("dK", whole(gradients.dPastKey(), gradients.dK(), c.headDim), c.dtype);
    dv.check("dV", whole(gradients.dPastValue(), gradients.dV(), c.valueDim), c.valueDtype);
    assertThat(result.qkMatmulOutput() == null).isEqualTo(c.mode == null);
    if (result.qkMatmulOutput() != null) {
      matmul.check("qk_matmul_output", result.qkMatmulOutput(), c.dtype);
    }
    assertThat(gradients.dAttnMask() == null).isEqualTo(dmask == null);
    if (dmask != null && gradients.dAttnMask() != null) {
      dmask.check("dAttnMask", gradients.dAttnMask(), DType.FLOAT32);
    }
    checkPresent("present_key", result.presentKey(), c.pastKey, c.key, c.headDim);
    checkPresent("present_value", result.presentValue(), c.pastValue, c.value, c.valueDim);
  }

  private Function<FlashAttnHead.Pass, double[][]> stage() {
    return switch (c.mode == null ? 0 : c.mode) {
      case 0 -> pass -> pass.scaled;
      case 1 -> pass -> pass.capped;
      case 2 -> pass -> pass.masked;
      default -> pass -> pass.p;
    };
  }

  private long[] place(int columns, long[] head, int i, int d) {
    return c.packed
        ? new long[] {head[0], i, head[1] * columns + d}
        : new long[] {head[0], head[1], i, d};
  }

  /** The gradients of the past and of the new rows together, (B, Hk, T, columns). */
  private Tensor whole(@Nullable Tensor past, Tensor fresh, int columns) {
    assertThat(past == null).isEqualTo(c.pastKey == null);
    assertThat(fresh.shape()).isEqualTo((columns == c.headDim ? c.key : c.value).shape());
    Tensor whole = Tensor.zeros(fresh.dtype(), c.batch, c.kvHeads, total, columns);
    if (past != null) {
      whole.slice(2, 0, c.past).assign(past);
    }
    Tensor byHead =
        c.packed ? fresh.reshape(c.batch, c.fresh, c.kvHeads, columns).permute(0, 2, 1, 3) : fresh;
    whole.slice(2, c.past, total).assign(byHead);
    return whole;
  }

  private void checkPresent(
      String what, @Nullable Tensor got, @Nullable Tensor past, Tensor fresh, int columns) {
    assertThat(got == null).as(what).isEqualTo(past == null);
    if (got == null) {
      return;
    }
    assertThat(got.shape()).containsExactly(c.batch, c.kvHeads, total, columns);
    assertThat(got.dtype()).isEqualTo(fresh.dtype());
    for (int b = 0; b < c.batch; b++) {
      for (int h = 0; h < c.kvHeads; h++) {
        for (int j = 0; j < total; j++) {
          double[] row = Oracle.doubles(got.select(0, b).select(0, h).select(0, j));
          assertThat(row).as(what).containsExactly(present(past, fresh, columns, b, h, j));
        }
      }
    }
  }
}
