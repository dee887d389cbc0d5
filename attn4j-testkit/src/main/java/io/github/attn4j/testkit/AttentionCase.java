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

  /** Null for no bias; the kind reads of it what it has dimensions for. */
  boolean @Nullable [] biasBroadcast;

  BiasKind biasKind = BiasKind.DENSE;
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
  boolean stats;
  int splitKeys;
  int threads = 1;

  /** Whether sequences start somewhere in their batch entry, or have gaps between them. */
  boolean displaced;

  /** The dtype of floating keys and values; null for that of the query. */
  @Nullable DType keyDtype;

  /** Null for plain rows. */
  @Nullable StoredAs stored;

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
    other.biasKind = biasKind;
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
    other.stats = stats;
    other.splitKeys = splitKeys;
    other.displaced = displaced;
    other.keyDtype = keyDtype;
    other.stored = stored;
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

  /** The dtype of the tensors of key and value. */
  DType kvDtype() {
    if (stored != null && stored.key() != null) {
      return DType.INT8;
    }
    return keyDtype == null ? dtype : keyDtype;
  }

  /** Whether the numbers of key and value lie as the query's do: only then there is a backward. */
  boolean hasBackward() {
    return stored == null && kvDtype() == dtype;
  }

  /** The kind of bias, as far as the lengths allow. */
  BiasKind biasKind() {
    return biasKind.fits(this) ? biasKind : BiasKind.DENSE;
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
    if (displaced) {
      return displacedSequences();
    }
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

  private Sequences displacedSequences() {
    Draw draw = new Draw(seed).child("starts");
    if (ragged()) {
      long[] q = gaps(draw, lengthsQ);
      long[] k = gaps(draw, lengthsK);
      return Sequences.ragged(
          q[batch()],
          k[batch()],
          Arrays.copyOf(q, batch()),
          lengthsQ,
          Arrays.copyOf(k, batch()),
          lengthsK);
    }
    int[] startsQ = Arrays.stream(lengthsQ).map(n -> draw.between(0, extentQ - n)).toArray();
    int[] startsK = Arrays.stream(lengthsK).map(n -> draw.between(0, extentK - n)).toArray();
    return Sequences.padded(extentQ, extentK, startsQ, lengthsQ, startsK, lengthsK);
  }

  /** Starts with gaps before them and, last, how many tokens there are. */
  private static long[] gaps(Draw draw, int[] lengths) {
    long[] starts = new long[lengths.length + 1];
    for (int b = 0; b <= lengths.length; b++) {
      long end = b == 0 ? 0 : starts[b - 1] + lengths[b - 1];
      starts[b] = end + draw.pick(0, 0, 1, 3, 17);
    }
    return starts;
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
          ", bias %s %s %s broadcast %s"
              .formatted(biasKind(), biasStage, biasDtype, Arrays.toString(biasBroadcast)));
    }
    text.append(softcap > 0 ? ", softcap " + softcap : "").append(sink ? ", sink" : "");
    text.append(
        dropout > 0 ? ", dropout " + dropout + (callerBits ? " by caller's bits" : "") : "");
    text.append(scale == null ? "" : ", scale " + scale).append(", ").append(spread);
    text.append(strided ? ", strided" : "").append(maxLogit ? ", maxLogit" : "");
    text.append(stats ? ", stats" : "").append(displaced ? ", displaced" : "");
    text.append(splitKeys > 0 ? ", split after " + splitKeys : "");
    text.append(keyDtype == null ? "" : ", keys in " + keyDtype);
    text.append(stored == null ? "" : ", " + stored);
    return text.append(", threads ").append(threads).toString();
  }
}
