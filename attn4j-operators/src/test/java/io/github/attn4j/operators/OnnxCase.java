package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Draw;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/** One random call over the whole product of the operator's arguments. */
@NullMarked
final class OnnxCase {
  private static final int[] LENGTHS = {0, 1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 33};

  final int batch;
  final int heads;
  final int kvHeads;
  final int seqlenQ;
  final int past;
  final int fresh;
  final int headDim;
  final int valueDim;
  final boolean packed;
  final DType dtype;
  final DType valueDtype;
  final Tensor query;
  final Tensor key;
  final Tensor value;
  final @Nullable Tensor pastKey;
  final @Nullable Tensor pastValue;
  final @Nullable Tensor mask;
  final long @Nullable [] lengths;
  final boolean causal;
  final @Nullable Double scale;
  final double softcap;
  final @Nullable Integer mode;
  private final int opset;
  private final String backend;
  private final int threads;

  OnnxCase(Draw draw) {
    batch = draw.pick(1, 1, 2, 3);
    kvHeads = draw.pick(1, 1, 2, 3);
    heads = kvHeads * draw.pick(1, 1, 2, 3);
    seqlenQ = draw.pick(LENGTHS);
    fresh = draw.chance(0.1) ? draw.between(60, 140) : draw.pick(LENGTHS);
    headDim = draw.pick(1, 2, 5, 8, 16, 17);
    valueDim = draw.chance(0.5) ? headDim : draw.pick(1, 3, 8, 20);
    packed = draw.chance(0.5);
    dtype = FlashAttnDraws.dtype(draw);
    valueDtype = draw.chance(0.8) ? dtype : FlashAttnDraws.dtype(draw);
    boolean hasPast = draw.chance(0.3);
    past = hasPast ? draw.pick(0, 1, 3, 8, 20) : 0;
    lengths = !hasPast && draw.chance(0.4) ? lengths(draw) : null;
    query = tensor(draw, dtype, heads, seqlenQ, headDim);
    key = tensor(draw, dtype, kvHeads, fresh, headDim);
    value = tensor(draw, valueDtype, kvHeads, fresh, valueDim);
    pastKey = hasPast ? FlashAttnDraws.normal(draw, dtype, batch, kvHeads, past, headDim) : null;
    pastValue =
        hasPast ? FlashAttnDraws.normal(draw, valueDtype, batch, kvHeads, past, valueDim) : null;
    mask = draw.chance(0.7) ? mask(draw) : null;
    causal = draw.chance(0.5);
    scale = draw.chance(0.5) ? null : draw.pick(List.of(0.0, 0.01, 0.5, 1.0, -0.3));
    softcap = draw.chance(0.6) ? 0 : draw.pick(List.of(0.5, 2.0, 30.0));
    mode = draw.chance(0.4) ? null : draw.between(0, 3);
    opset = lengths == null ? draw.pick(23, 24) : 24;
    backend = draw.chance(0.8) ? "cpu" : "reference";
    threads = draw.between(0, 3);
  }

  int total() {
    return past + fresh;
  }

  /** Whether the mask holds numbers to add. */
  boolean adds() {
    return mask != null && mask.dtype() != DType.BOOL;
  }

  long[] shapeOfMask() {
    return mask == null ? new long[0] : mask.shape();
  }

  private Tensor tensor(Draw draw, DType of, int count, int rows, int columns) {
    return packed
        ? FlashAttnDraws.normal(draw, of, batch, rows, (long) count * columns)
        : FlashAttnDraws.normal(draw, of, batch, count, rows, columns);
  }

  private long[] lengths(Draw draw) {
    long[] drawn = new long[batch];
    for (int b = 0; b < batch; b++) {
      drawn[b] = draw.between(0, fresh);
    }
    return drawn;
  }

  private Tensor mask(Draw draw) {
    int columns = draw.chance(0.7) ? total() : draw.between(0, total());
    long[] full = {
      draw.chance(0.5) ? 1 : batch,
      draw.chance(0.5) ? 1 : heads,
      draw.chance(0.3) ? 1 : seqlenQ,
      columns
    };
    long[] shape = Arrays.copyOfRange(full, draw.between(0, 2), 4);
    if (draw.chance(0.4)) {
      Tensor numbers = FlashAttnDraws.normal(draw, DType.FLOAT32, shape);
      Tensor bools = Tensor.zeros(DType.BOOL, shape);
      float[] drawn = numbers.toFloatArray();
      Tensor flat = bools.reshape(drawn.length);
      for (int n = 0; n < drawn.length; n++) {
        flat.set(drawn[n] < 0.6 ? 1 : 0, n);
      }
      return bools;
    }
    DType of = draw.chance(0.7) ? dtype : FlashAttnDraws.dtype(draw);
    Tensor added = FlashAttnDraws.normal(draw, of, shape).copy();
    Tensor flat = added.reshape(added.elements());
    boolean onlyMasks = draw.chance(0.3);
    double share = draw.pick(List.of(0.0, 0.3, 0.9));
    for (long n = 0; n < flat.elements(); n++) {
      if (draw.chance(share)) {
        flat.set(Double.NEGATIVE_INFINITY, n);
      } else if (onlyMasks) {
        flat.set(0, n);
      }
    }
    return added;
  }

  OnnxAttention call() {
    OnnxAttention call =
        OnnxAttention.of(query, key, value)
            .attnMask(mask)
            .past(pastKey, pastValue)
            .nonpadKvSeqlen(lengths == null ? null : Tensor.of(lengths, batch))
            .isCausal(causal)
            .scale(scale)
            .softcap(softcap)
            .opset(opset)
            .attnMaskGradient(true)
            .backend(backend)
            .threads(threads);
    if (packed) {
      call.qNumHeads(heads).kvNumHeads(kvHeads);
    }
    if (mode != null) {
      call.qkMatmulOutputMode(mode);
    }
    return call;
  }

  @Override
  public String toString() {
    return ("Q %s, K %s, V %s, %d heads on %d, past %s, mask %s, lengths %s, causal %s, scale %s,"
            + " softcap %s, mode %s, opset %d on %s")
        .formatted(
            query,
            key,
            value,
            heads,
            kvHeads,
            pastKey,
            mask,
            Arrays.toString(lengths),
            causal,
            scale,
            softcap,
            mode,
            opset,
            backend);
  }
}
