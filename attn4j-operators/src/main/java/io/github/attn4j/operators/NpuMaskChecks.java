package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;

/**
 * The conditions under which {@code npu_fusion_attention} refuses its mask: shape, prefix, and a
 * band that does not meet the scores. Without a mask only the range of sparse_mode is checked.
 */
final class NpuMaskChecks {
  /** Rows and columns of a compressed mask. */
  static final long COMPRESSED = 2048;

  /** Rows of the compressed mask of a prefix. */
  static final long COMPRESSED_PREFIX = 3072;

  /** A bound far outside of any sequence, under which sums of numbers cannot overflow. */
  private static final long FAR = 1L << 40;

  private final NpuFusionAttention call;
  private final NpuSizes sizes;
  private final long pre;
  private final long next;

  NpuMaskChecks(NpuFusionAttention call, NpuSizes sizes) {
    this.call = call;
    this.sizes = sizes;
    pre = Math.clamp(call.preTockens, -FAR, FAR);
    next = Math.clamp(call.nextTockens, -FAR, FAR);
  }

  private void expect(String name, boolean fits, String expected) {
    NpuChecks.expect(call, name, fits, expected);
  }

  void check() {
    int last = sizes.ragged() ? 8 : 6;
    expect(
        "sparse_mode",
        call.sparseMode >= 0 && call.sparseMode <= last,
        "0 to %d with this input_layout".formatted(last));
    Tensor mask = call.attenMask;
    if (mask == null) {
      return;
    }
    NpuChecks.expectType(
        call,
        "atten_mask",
        mask.dtype() == DType.BOOL || mask.dtype() == DType.INT8,
        "bool or int8 (for uint8)");
    switch ((int) call.sparseMode) {
      case 0, 1 -> dense(mask);
      case 5 -> densePrefix(mask);
      case 6 -> {
        compressed(mask, COMPRESSED_PREFIX);
        prefix();
      }
      default -> compressed(mask, COMPRESSED);
    }
    // Where one side is empty there are no scores that a band could miss.
    if (sizes.rows() == 0 || sizes.keys() == 0) {
      return;
    }
    if (sizes.ragged()) {
      raggedBand();
    } else {
      band();
    }
  }

  private void compressed(Tensor mask, long rows) {
    expect(
        "atten_mask",
        mask.hasShape(rows, COMPRESSED) || mask.hasShape(1, 1, rows, COMPRESSED),
        "the compressed mask [%d, %d] of sparse_mode %d"
            .formatted(rows, COMPRESSED, call.sparseMode));
  }

  private void dense(Tensor mask) {
    long rows = sizes.rows();
    long keys = sizes.keys();
    boolean fits =
        switch (mask.rank()) {
          case 2 -> oneOr(mask.dim(0), rows) && oneOr(mask.dim(1), keys);
          case 4 ->
              oneOr(mask.dim(0), sizes.batch())
                  && oneOr(mask.dim(1), sizes.heads())
                  && oneOr(mask.dim(2), rows)
                  && oneOr(mask.dim(3), keys);
          default -> false;
        };
    expect(
        "atten_mask",
        fits || NpuMaskTranslation.overAllTokens(mask, sizes),
        "[%d, %d, %d, %d], each of them or 1, or [%d, %d]%s"
            .formatted(
                sizes.batch(),
                sizes.heads(),
                rows,
                keys,
                rows,
                keys,
                sizes.ragged() ? " (the longest), or the sums of the lengths" : ""));
  }

  private static boolean oneOr(long extent, long size) {
    return extent == 1 || extent == size;
  }

  /** A mask that holds the prefixes has to tell the sequences apart. */
  private void densePrefix(Tensor mask) {
    expect("sparse_mode", !sizes.ragged(), "any but 5 with TND");
    dense(mask);
    expect(
        "atten_mask",
        mask.rank() == 4 ? mask.dim(0) == sizes.batch() : sizes.batch() == 1,
        "a mask for each of %d sequences with sparse_mode 5".formatted(sizes.batch()));
  }

  private void prefix() {
    long[] prefix = call.prefix;
    int count = sizes.batch();
    boolean fits = prefix != null && prefix.length == count;
    if (prefix != null && call.actualSeqQlen != null) {
      // Sequences that do not take part may have a number or not.
      fits |= prefix.length == NpuChecks.taking(call.actualSeqQlen);
    }
    if (!fits || prefix == null) {
      throw RefusedException.value(
          "prefix",
          "expected one number for each of %d sequences with sparse_mode 6, got %s"
              .formatted(count, prefix == null ? "none" : Arrays.toString(prefix)));
    }
    for (int b = 0; b < prefix.length; b++) {
      int rows = sizes.lengthQ(b);
      int keys = sizes.lengthK(b);
      int least = Math.max(0, keys - rows);
      expect(
          "prefix",
          rows == 0 || (prefix[b] >= least && prefix[b] <= keys),
          "%d <= N <= %d in sequence %d".formatted(least, keys, b));
    }
  }

  /** Padded sequences: the band, seen from the top-left corner, has to meet rows and keys. */
  private void band() {
    if (call.sparseMode != 0 && call.sparseMode != 4) {
      return;
    }
    long rows = sizes.rows();
    long keys = sizes.keys();
    long ahead = call.sparseMode == 4 ? keys - rows : 0;
    long back = pre - ahead;
    long forth = next + ahead;
    String seen = " (%d and %d from the top-left corner)".formatted(back, forth);
    expect("pre_tockens", back >= 0 || forth >= 0, "not both ends of the band negative" + seen);
    expect(
        "pre_tockens",
        back >= 0 || (forth >= -back && -back < keys),
        "a negative pre_tockens no larger than next_tockens and below Skv" + seen);
    expect(
        "next_tockens",
        forth >= 0 || (-forth <= back && -forth < rows),
        "a negative next_tockens no larger than pre_tockens and below Sq" + seen);
  }

  private void raggedBand() {
    switch ((int) call.sparseMode) {
      case 0 -> {
        expect("next_tockens", next >= 0, "at least 0 with TND and sparse_mode 0");
        expect("pre_tockens", pre >= 0 || next >= -pre, "no less than -next_tockens");
        everySequence("pre_tockens", (rows, keys) -> keys + pre >= rows, "Skv + pre_tockens >= Sq");
      }
      case 3 -> causal();
      case 4 -> {
        expect("pre_tockens", pre >= 0, "at least 0 with TND and sparse_mode 4");
        expect("next_tockens", pre + next >= 0, "no less than -pre_tockens");
        everySequence("next_tockens", this::reaches, "Sq - next_tockens <= Skv");
      }
      case 7 -> lastShard();
      case 8 -> firstShard();
      default -> {}
    }
  }

  /** A condition on the lengths of one sequence. */
  private interface Lengths {
    boolean fit(int rows, int keys);
  }

  private boolean reaches(int rows, int keys) {
    return rows - next <= keys;
  }

  /** Sequences without rows or without keys have no scores that a condition could be about. */
  private void everySequence(String name, Lengths condition, String expected) {
    for (int b = 0; b < sizes.batch(); b++) {
      int rows = sizes.lengthQ(b);
      int keys = sizes.lengthK(b);
      expect(
          name,
          rows == 0 || keys == 0 || condition.fit(rows, keys),
          "%s in sequence %d".formatted(expected, b));
    }
  }

  private void causal() {
    for (int b = 0; b < sizes.batch(); b++) {
      expect(
          "actual_seq_qlen",
          sizes.lengthQ(b) <= sizes.lengthK(b),
          "Sq <= Skv with sparse_mode %d in sequence %d".formatted(call.sparseMode, b));
    }
  }

  private void lastShard() {
    everySequence("actual_seq_qlen", (rows, keys) -> rows <= keys, "Sq <= Skv with sparse_mode 7");
    expect("next_tockens", next <= 0, "at most 0 with sparse_mode 7");
    int last = NpuMaskTranslation.lastWithRows(sizes);
    if (last >= 0) {
      shard(last, "last");
    }
  }

  private void firstShard() {
    int first = NpuMaskTranslation.firstWithRows(sizes);
    if (first >= 0) {
      shard(first, "first");
    }
  }

  private void shard(int b, String which) {
    expect(
        "pre_tockens",
        pre >= sizes.lengthK(b),
        "at least Skv of the %s sequence, %d".formatted(which, sizes.lengthK(b)));
    expect(
        "next_tockens",
        reaches(sizes.lengthQ(b), sizes.lengthK(b)),
        "Sq - next_tockens <= Skv in the %s sequence".formatted(which));
  }
}
