package io.github.attn4j.testkit;

import io.github.attn4j.BiasStage;
import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import io.github.attn4j.Sequences;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The choices that make one problem; numbers and masks follow from them and the seed. Drawn by
 * {@link Cases} or written by hand.
 */
public final class AttentionCase {
  /** How the numbers of query and key are spread. */
  public enum Spread {
    /** Standard normal. */
    NORMAL,
    /** Positive queries on negative keys: every score is negative. */
    NEGATIVE,
    /** Queries twenty times larger: scores beyond plus and minus 60. */
    LARGE,
    /** Keys far from zero: scores share a large part. */
    SHIFTED
  }

  long seed = 1;
  Layout layout = Layout.BNSD;
  int extentQ;
  int extentK;
  int[] lengthsQ;
  int[] lengthsK;
  int heads = 1;
  int kvHeads = 1;
  int headDim = 8;
  int valueDim = 8;
  DType dtype = DType.FLOAT32;
  boolean float32Out;
  List<MaskKind> masks = List.of();
  int maskHeads = 1;
  boolean maskPerBatch;
  boolean @Nullable [] biasBroadcast;
  BiasStage biasStage = BiasStage.AFTER_SCALE;
  DType biasDtype = DType.FLOAT32;
  double softcap;
  boolean sink;
  double dropout;
  boolean callerBits;
  @Nullable Double scale;
  Spread spread = Spread.NORMAL;
  boolean strided;
  boolean maxLogit;
  int threads = 1;

  /** A padded problem of full sequences, everything else plain. */
  public AttentionCase(int batch, int seqlenQ, int seqlenK) {
    extentQ = seqlenQ;
    extentK = seqlenK;
    lengthsQ = new int[batch];
    lengthsK = new int[batch];
    Arrays.fill(lengthsQ, seqlenQ);
    Arrays.fill(lengthsK, seqlenK);
  }

  /** A copy to change. */
  AttentionCase copy() {
    AttentionCase other = new AttentionCase(0, extentQ, extentK);
    other.seed = seed;
    other.layout = layout;
    other.lengthsQ = lengthsQ.clone();
    other.lengthsK = lengthsK.clone();
    other.heads = heads;
    other.kvHeads = kvHeads;
    other.headDim = headDim;
    other.valueDim = valueDim;
    other.dtype = dtype;
    other.float32Out = float32Out;
    other.masks = masks;
    other.maskHeads = maskHeads;
    other.maskPerBatch = maskPerBatch;
    other.biasBroadcast = biasBroadcast;
    other.biasStage = biasStage;
    other.biasDtype = biasDtype;
    other.softcap = softcap;
    other.sink = sink;
    other.dropout = dropout;
    other.callerBits = callerBits;
    other.scale = scale;
    other.spread = spread;
    other.strided = strided;
    other.maxLogit = maxLogit;
    other.threads = threads;
    return other;
  }

  /** The same problem under a mask. */
  public AttentionCase masks(MaskKind... kinds) {
    masks = List.of(kinds);
    return this;
  }

  /** The same problem with other heads. */
  public AttentionCase heads(int queryHeads, int keyValueHeads) {
    heads = queryHeads;
    kvHeads = keyValueHeads;
    return this;
  }

  /** The same problem with other dims. */
  public AttentionCase dims(int queryKeyDim, int valueColumns) {
    headDim = queryKeyDim;
    valueDim = valueColumns;
    return this;
  }

  /** The same problem in another dtype. */
  public AttentionCase dtype(DType value) {
    dtype = value;
    return this;
  }

  int batch() {
    return lengthsQ.length;
  }

  boolean ragged() {
    return layout == Layout.TND;
  }

  /** Query rows of the tensors, or of the longest sequence when ragged. */
  int widestQ() {
    return ragged() ? Arrays.stream(lengthsQ).max().orElse(0) : extentQ;
  }

  /** Key rows of the tensors, or of the longest sequence when ragged. */
  int widestK() {
    return ragged() ? Arrays.stream(lengthsK).max().orElse(0) : extentK;
  }

  int shortestQ() {
    return Arrays.stream(lengthsQ).min().orElse(0);
  }

  int shortestK() {
    return Arrays.stream(lengthsK).min().orElse(0);
  }

  DType outDtype() {
    return float32Out ? DType.FLOAT32 : dtype;
  }

  /** Multiply-adds of a dense forward. */
  long work() {
    long pairs = 0;
    for (int b = 0; b < batch(); b++) {
      pairs += (long) lengthsQ[b] * lengthsK[b];
    }
    return pairs * heads * (headDim + valueDim);
  }

  Sequences sequences() {
    return ragged()
        ? Sequences.ragged(cumulate(lengthsQ), cumulate(lengthsK))
        : Sequences.padded(extentQ, extentK, lengthsQ, lengthsK);
  }

  private static long[] cumulate(int[] lengths) {
    long[] cumulative = new long[lengths.length + 1];
    for (int b = 0; b < lengths.length; b++) {
      cumulative[b + 1] = cumulative[b] + lengths[b];
    }
    return cumulative;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("seed ").append(seed);
    text.append(": ").append(dtype).append(float32Out ? " to FLOAT32" : "");
    text.append(", ").append(layout).append(' ').append(sequences());
    text.append(", heads %d on %d, dims %d and %d".formatted(heads, kvHeads, headDim, valueDim));
    text.append(", masks ").append(masks);
    text.append(" (%d heads%s)".formatted(maskHeads, maskPerBatch ? ", per sequence" : ""));
    if (biasBroadcast != null) {
      text.append(
          ", bias %s %s broadcast %s"
              .formatted(biasStage, biasDtype, Arrays.toString(biasBroadcast)));
    }
    text.append(softcap > 0 ? ", softcap " + softcap : "").append(sink ? ", sink" : "");
    text.append(
        dropout > 0 ? ", dropout " + dropout + (callerBits ? " by caller's bits" : "") : "");
    text.append(scale == null ? "" : ", scale " + scale).append(", ").append(spread);
    text.append(strided ? ", strided" : "").append(maxLogit ? ", maxLogit" : "");
    return text.append(", threads ").append(threads).toString();
  }
}
