package io.github.attn4j.operators;

import io.github.attn4j.Alignment;
import io.github.attn4j.DType;
import io.github.attn4j.DocumentMask;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import io.github.attn4j.WindowMask;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the masking arguments of an ONNX {@code Attention} mean in the core's words.
 *
 * @param mask what is masked, for whatever reason
 * @param bias what is added to the scores (B or 1, Hq or 1, Sq or 1, T), or null
 */
record OnnxMask(Mask mask, @Nullable Tensor bias) {
  /**
   * The masks of a checked call.
   *
   * @param keepBias whether to keep a bias that is zero everywhere, for its gradient
   */
  static OnnxMask of(OnnxAttention call, OnnxSizes sizes, boolean keepBias) {
    Mask mask = structure(call, sizes);
    Tensor given = call.attnMask;
    if (given == null) {
      return new OnnxMask(mask, null);
    }
    Tensor full = widened(rank4(given), sizes.total());
    if (given.dtype() == DType.BOOL) {
      return new OnnxMask(mask.and(Mask.dense(full)), null);
    }
    Scan scan = Scan.of(full, rank4(given).dim(3));
    return new OnnxMask(
        scan.visible == null ? mask : mask.and(Mask.dense(scan.visible)),
        scan.adds || keepBias ? full : null);
  }

  /** What follows from is_causal and nonpad_kv_seqlen alone. */
  private static Mask structure(OnnxAttention call, OnnxSizes sizes) {
    Tensor lengths = call.nonpadKvSeqlen;
    if (lengths == null) {
      return call.isCausal ? diagonal(sizes.past()) : Mask.full();
    }
    List<Mask> perSequence = new ArrayList<>();
    for (int b = 0; b < sizes.batch(); b++) {
      int length = (int) lengths.getLong(b);
      // The last query's place is the last valid key's, so that the diagonal ends before padding.
      perSequence.add(
          call.isCausal
              ? diagonal(length - sizes.seqlenQ())
              : new DocumentMask(new int[] {sizes.seqlenQ()}, new int[] {length}));
    }
    return perSequence.isEmpty() ? Mask.full() : Mask.perSequence(perSequence);
  }

  /** Query i sees key j if {@code j <= i + offset}. */
  private static Mask diagonal(int offset) {
    return offset == 0
        ? Mask.causal(Alignment.TOP_LEFT)
        : new WindowMask(WindowMask.OPEN, offset, Alignment.TOP_LEFT);
  }

  private static Tensor rank4(Tensor mask) {
    long[] shape = {1, 1, 1, 1};
    System.arraycopy(mask.shape(), 0, shape, 4 - mask.rank(), mask.rank());
    return mask.reshape(shape);
  }

  /** The mask with as many columns as there are keys; new ones are zero, which is false. */
  private static Tensor widened(Tensor mask, int keys) {
    if (mask.dim(3) == keys) {
      return mask;
    }
    Tensor wide = Tensor.zeros(mask.dtype(), mask.dim(0), mask.dim(1), mask.dim(2), keys);
    wide.slice(3, 0, mask.dim(3)).assign(mask);
    return wide;
  }

  /** The gradient of a mask, given that of the bias it became. */
  static Tensor gradient(Tensor dbias, Tensor mask) {
    Tensor given = dbias.slice(3, 0, mask.dim(-1));
    return (given.isContiguous() ? given : given.copy()).reshape(mask.shape());
  }

  /** What is in a floating mask besides numbers to add. */
  private static final class Scan {
    /** Bool of the mask's shape, false where it masks; null if it masks nothing. */
    private @Nullable Tensor visible;

    /** Whether anything but zero is to be added where it does not mask. */
    private boolean adds;

    /**
     * Reads a mask row by row.
     *
     * @param given columns that the caller gave; those behind are masked
     */
    static Scan of(Tensor mask, long given) {
      Scan scan = new Scan();
      for (long b = 0; b < mask.dim(0); b++) {
        for (long h = 0; h < mask.dim(1); h++) {
          for (long i = 0; i < mask.dim(2); i++) {
            scan.row(mask, given, b, h, i);
          }
        }
      }
      return scan;
    }

    private void row(Tensor mask, long given, long b, long h, long i) {
      float[] row = mask.select(0, b).select(0, h).select(0, i).toFloatArray();
      for (int j = 0; j < row.length; j++) {
        if (j >= given || row[j] == Float.NEGATIVE_INFINITY) {
          hide(mask, b, h, i, j);
        } else {
          adds |= row[j] != 0;
        }
      }
    }

    private void hide(Tensor mask, long b, long h, long i, long j) {
      Tensor target = visible;
      if (target == null) {
        target = Tensor.zeros(DType.BOOL, mask.shape());
        target.segment().fill((byte) 1);
        visible = target;
      }
      target.set(0, b, h, i, j);
    }
  }
}
