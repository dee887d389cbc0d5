package io.github.attn4j.operators;

import io.github.attn4j.AlibiBias;
import io.github.attn4j.Alignment;
import io.github.attn4j.Bias;
import io.github.attn4j.BiasStage;
import io.github.attn4j.DType;
import io.github.attn4j.PackedBias;
import io.github.attn4j.Tensor;
import io.github.attn4j.ToeplitzBias;
import org.jspecify.annotations.Nullable;

/** The position encoding of {@code npu_fusion_attention}: its checks, and its form in the core. */
final class NpuPse {
  /** The rows that are given of a matrix that depends on the distance only. */
  private static final long COMPRESSED = 1024;

  private final NpuFusionAttention call;
  private final NpuSizes sizes;

  NpuPse(NpuFusionAttention call, NpuSizes sizes) {
    this.call = call;
    this.sizes = sizes;
  }

  static BiasStage stage(long pseType) {
    return pseType == 1 ? BiasStage.BEFORE_SCALE : BiasStage.AFTER_SCALE;
  }

  /** The core's gradient in the dtype that the operator returns it in, that of its argument. */
  static @Nullable Tensor gradient(@Nullable Bias bias, @Nullable Tensor gradient) {
    return bias == null || gradient == null ? null : gradient.to(bias.parameter().dtype());
  }

  private void expect(boolean fits, String expected) {
    NpuChecks.expect(call, "pse", fits, expected);
  }

  /** Without a mask the sparse mode has no effect. */
  private boolean masks(long sparseMode) {
    return call.attenMask != null && call.sparseMode == sparseMode;
  }

  @Nullable Bias bias() {
    long qStart = start("q_start_idx", call.qStartIdx, call.kvStartIdx);
    long kvStart = start("kv_start_idx", call.kvStartIdx, call.qStartIdx);
    Tensor pse = call.pse;
    if (pse == null) {
      expect(call.pseType == 1, "one with pse_type %d".formatted(call.pseType));
      return null;
    }
    if (call.pseType >= 2) {
      return slopes(pse, qStart, kvStart);
    }
    NpuChecks.expectType(call, "pse", pse.dtype() == call.query.dtype(), "the dtype of query");
    NpuChecks.expectTogether(call, "pse", !masks(7) && !masks(8), "none with sparse_mode 7 or 8");
    return sizes.ragged() ? ragged(pse) : padded(pse);
  }

  private Bias padded(Tensor pse) {
    long rows = sizes.rows();
    long keys = sizes.keys();
    boolean around =
        pse.rank() == 4
            && oneOr(pse.dim(0), sizes.batch())
            && oneOr(pse.dim(1), sizes.heads())
            && oneOr(pse.dim(3), keys);
    boolean dense = around && oneOr(pse.dim(2), rows);
    boolean compressed =
        around && !dense && rows > COMPRESSED && pse.dim(2) == COMPRESSED && pse.dim(3) == keys;
    expect(
        dense || compressed,
        "[%d, %d, %d, %d], each of them or 1%s"
            .formatted(
                sizes.batch(),
                sizes.heads(),
                rows,
                keys,
                rows > COMPRESSED ? ", or the last 1024 rows" : ""));
    return dense ? Bias.dense(pse) : toeplitz(pse);
  }

  private Bias ragged(Tensor pse) {
    // Zeros at the end stand for sequences that do not take part, which is another matter.
    int taking = call.actualSeqQlen == null ? 0 : NpuChecks.taking(call.actualSeqQlen);
    for (int b = 0; b < taking; b++) {
      NpuChecks.expectTogether(
          call, "pse", sizes.lengthQ(b) > 0, "none with a sequence of no rows, %d".formatted(b));
    }
    if (pse.rank() == 1) {
      long keys = 0;
      for (int b = 0; b < sizes.batch(); b++) {
        keys += sizes.lengthK(b);
      }
      long perKey = keys * sizes.heads();
      boolean perScore = pse.dim(0) == sizes.numels();
      expect(
          perScore || pse.dim(0) == perKey,
          "%d packed numbers (N, Sq, Skv) or %d (N, 1, Skv)".formatted(sizes.numels(), perKey));
      return new PackedBias(pse, !perScore);
    }
    long keys = sizes.keys();
    expect(
        pse.rank() == 4
            && oneOr(pse.dim(0), sizes.batch())
            && oneOr(pse.dim(1), sizes.heads())
            && pse.dim(2) == COMPRESSED
            && pse.dim(3) == keys,
        "packed numbers of rank 1, or the last rows [%d or 1, %d, %d, %d]"
            .formatted(sizes.batch(), sizes.heads(), COMPRESSED, keys));
    return toeplitz(pse);
  }

  private static boolean oneOr(long extent, long size) {
    return extent == 1 || extent == size;
  }

  private Bias toeplitz(Tensor pse) {
    boolean causal =
        masks(2)
            || masks(3)
            || (masks(0) && call.preTockens >= sizes.rows() && call.nextTockens == 0);
    expect(
        sizes.square() && causal,
        "Sq = Skv and a causal mask (sparse_mode 2 or 3, or 0 with pre_tockens >= Sq and"
            + " next_tockens 0) for the last 1024 rows");
    return new ToeplitzBias(pse);
  }

  private Bias slopes(Tensor pse, long qStart, long kvStart) {
    NpuChecks.expectType(
        call,
        "pse",
        pse.dtype() == DType.FLOAT32,
        "float32 slopes with pse_type %d".formatted(call.pseType));
    expect(
        pse.hasShape(sizes.heads()) || pse.hasShape(sizes.batch(), sizes.heads()),
        "slopes [%d] or [%d, %d] with pse_type %d"
            .formatted(sizes.heads(), sizes.batch(), sizes.heads(), call.pseType));
    slopesUnderMask(qStart, kvStart);
    AlibiBias.Curve curve = call.pseType == 2 ? AlibiBias.Curve.LINEAR : AlibiBias.Curve.SQRT;
    return new AlibiBias(pse, curve, Alignment.TOP_LEFT, kvStart - qStart);
  }

  private void slopesUnderMask(long qStart, long kvStart) {
    String type = "pse_type %d".formatted(call.pseType);
    expect(sizes.ragged() || sizes.square(), "Sq = Skv with " + type);
    NpuChecks.expectTogether(call, "pse", !masks(7), "none with sparse_mode 7");
    if (masks(8)) {
      long ahead = (long) sizes.lengthQ(0) - sizes.lengthK(0) + qStart - kvStart;
      expect(
          ahead == 0,
          "Sq - Skv + q_start_idx - kv_start_idx = 0 in sequence 0 with sparse_mode 8 and " + type);
      for (int b = 1; b < sizes.batch(); b++) {
        expect(
            sizes.lengthQ(b) == sizes.lengthK(b),
            "Sq = Skv in sequence %d with sparse_mode 8 and %s".formatted(b, type));
      }
    }
  }

  private long start(String name, long @Nullable [] given, long @Nullable [] other) {
    boolean fits = given == null ? other == null : given.length == 1;
    NpuChecks.expect(call, name, fits, "one number, for query and key both or for neither");
    return given == null ? 0 : given[0];
  }
}
