package io.github.attn4j.operators;

import io.github.attn4j.Alignment;
import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Draw;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.NullMarked;

/**
 * One random call of the packed operator (padded or not) or of the unpacked one, over the whole
 * product of their arguments.
 */
@NullMarked
final class VarlenCase {
  private static final int[] LENGTHS = {0, 1, 2, 3, 5, 8, 9, 15, 16, 17, 33, 40};

  /** Whether query, key and value lie in one tensor. */
  final boolean packed;

  final boolean padded;
  final int batch;
  final int kvHeads;
  final int group;
  final int headDim;
  final int valueDim;
  final DType dtype;
  final int[] lengthsQ;
  final int[] lengthsK;
  final int maxSeqlenQ;
  final int maxSeqlenK;
  final int totalQ;
  final int totalK;
  final double scale;
  final double dropout;
  final boolean causal;
  final Alignment alignment;
  final boolean returnSoftmax;
  final Tensor seedOffset;

  /** qkv, or query, key and value. */
  final List<Tensor> tensors;

  private final String backend;
  private final int threads;

  VarlenCase(Draw draw, boolean packed) {
    this.packed = packed;
    padded = packed && draw.chance(0.5);
    batch = draw.pick(0, 1, 2, 2, 3, 4);
    kvHeads = draw.pick(1, 1, 2, 3);
    group = draw.pick(1, 1, 2, 3);
    headDim = draw.pick(1, 3, 8, 16, 17);
    valueDim = packed || draw.chance(0.5) ? headDim : draw.pick(1, 4, 20);
    dtype = FlashAttnDraws.dtype(draw);
    lengthsQ = lengths(draw);
    lengthsK = draw.chance(0.5) ? lengthsQ : lengths(draw);
    maxSeqlenQ = most(lengthsQ) + draw.pick(0, 0, 1, 5);
    maxSeqlenK = most(lengthsK) + draw.pick(0, 0, 1, 5);
    int rowsQ = (padded ? batch * maxSeqlenQ : Arrays.stream(lengthsQ).sum()) + draw.pick(0, 3);
    int rowsK = (padded ? batch * maxSeqlenK : Arrays.stream(lengthsK).sum()) + draw.pick(0, 3);
    totalQ = packed ? Math.max(rowsQ, rowsK) : rowsQ;
    totalK = packed ? totalQ : rowsK;
    scale = draw.pick(List.of(0.0, 0.25, 0.25, 1.0, -0.4));
    dropout = draw.chance(0.5) ? 0 : draw.pick(List.of(0.1, 0.5, 0.9));
    causal = draw.chance(0.5);
    alignment = draw.pick(List.of(Alignment.values()));
    returnSoftmax = dropout > 0 && draw.chance(0.15);
    seedOffset = Tensor.of(new long[] {draw.bits(), draw.bits()}, 2);
    tensors =
        packed
            ? List.of(FlashAttnDraws.normal(draw, dtype, totalQ, group + 2, kvHeads, headDim))
            : List.of(
                FlashAttnDraws.normal(draw, dtype, totalQ, (long) group * kvHeads, headDim),
                FlashAttnDraws.normal(draw, dtype, totalK, kvHeads, headDim),
                FlashAttnDraws.normal(draw, dtype, totalK, kvHeads, valueDim));
    backend = draw.chance(0.8) ? "cpu" : "reference";
    threads = draw.between(0, 3);
  }

  private int[] lengths(Draw draw) {
    int[] lengths = new int[batch];
    Arrays.setAll(lengths, b -> draw.pick(LENGTHS));
    return lengths;
  }

  private static int most(int[] lengths) {
    return Arrays.stream(lengths).max().orElse(0);
  }

  private static Tensor cumulative(int[] lengths) {
    int[] ends = new int[lengths.length + 1];
    for (int b = 0; b < lengths.length; b++) {
      ends[b + 1] = ends[b] + lengths[b];
    }
    return Tensor.of(ends, ends.length);
  }

  int heads() {
    return group * kvHeads;
  }

  FlashAttnVarlenQkvpacked packedCall() {
    FlashAttnVarlenQkvpacked call =
        FlashAttnVarlenQkvpacked.of(tensors.getFirst(), cumulative(lengthsQ), cumulative(lengthsK))
            .varlenPadded(padded);
    return with(call);
  }

  FlashAttnUnpadded unpackedCall() {
    return with(
        FlashAttnUnpadded.of(
            tensors.get(0),
            tensors.get(1),
            tensors.get(2),
            cumulative(lengthsQ),
            cumulative(lengthsK)));
  }

  private <C extends FlashAttnVarlen<C>> C with(C call) {
    return call.maxSeqlenQ(maxSeqlenQ)
        .maxSeqlenK(maxSeqlenK)
        .scale(scale)
        .dropout(dropout)
        .causal(causal)
        .causalAlignment(alignment)
        .returnSoftmax(returnSoftmax)
        .fixedSeedOffset(seedOffset)
        .backend(backend)
        .threads(threads);
  }

  @Override
  public String toString() {
    return ("%s, padded %s, %d heads on %d, query %s of %d, key %s of %d, scale %s, dropout %s,"
            + " causal %s %s on %s")
        .formatted(
            tensors,
            padded,
            heads(),
            kvHeads,
            Arrays.toString(lengthsQ),
            maxSeqlenQ,
            Arrays.toString(lengthsK),
            maxSeqlenK,
            scale,
            dropout,
            causal,
            alignment,
            backend);
  }
}
