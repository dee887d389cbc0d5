package io.github.attn4j.testkit;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.Bias;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A problem of one sequence in BNSD cut into calls of their own: some heads, or some keys. The mask
 * and the bits of dropout are cut element by element.
 *
 * @param whole the problem; its bias, if there is one, is dense in heads and keys
 * @param kept the bits of its dropout, or null
 */
record Slices(Materials whole, @Nullable Tensor kept) {
  static Slices of(Materials whole) {
    Dropout dropout = whole.inputs().dropout();
    return new Slices(whole, dropout == null ? null : whole.referencePlan().dropoutMask(dropout));
  }

  /** Some of the query heads, the key/value heads they use, and some keys. */
  record Part(int head0, int heads, int kvHead0, int kvHeads, int key0, int keys) {}

  /** Forward of a part alone; only a part with the sink gets it. */
  AttentionResult forward(String backend, Part part, boolean withSink, DType outDtype) {
    AttentionCase c = whole.choices();
    AttentionInputs inputs = whole.inputs();
    Bias bias = inputs.bias();
    Tensor sink = inputs.sink();
    AttentionInputs cut =
        AttentionInputs.of(
                heads(inputs.query(), part.head0(), part.heads()),
                keys(heads(inputs.key(), part.kvHead0(), part.kvHeads()), 2, part),
                keys(heads(inputs.value(), part.kvHead0(), part.kvHeads()), 2, part))
            .withBias(
                bias == null
                    ? null
                    : keys(heads(bias.parameter(), part.head0(), part.heads()), 3, part))
            .withSink(
                sink == null || !withSink
                    ? null
                    : sink.slice(0, part.head0(), part.head0() + part.heads()))
            .withDropout(dropout(inputs.dropout(), part));
    return Attention.plan(
            whole
                .spec(backend, c.dtype, outDtype)
                .padded(1, c.extentQ, part.keys())
                .heads(part.heads(), part.kvHeads())
                .mask(mask(part))
                // Larger than any part: the part is computed in one go.
                .splitKeys(Integer.MAX_VALUE)
                .build())
        .forward(cut);
  }

  private static Tensor heads(Tensor tensor, int first, int count) {
    return tensor.dim(1) == 1 && first == 0 ? tensor : tensor.slice(1, first, first + count);
  }

  private static Tensor keys(Tensor tensor, int dimension, Part part) {
    return tensor.slice(dimension, part.key0(), part.key0() + part.keys());
  }

  private Mask mask(Part part) {
    AttentionCase c = whole.choices();
    Extent extent = new Extent(c.extentQ, c.extentK, c.heads);
    Tensor bits = Tensor.zeros(DType.BOOL, 1, part.heads(), c.extentQ, part.keys());
    for (int h = 0; h < part.heads(); h++) {
      for (int i = 0; i < c.extentQ; i++) {
        for (int j = 0; j < part.keys(); j++) {
          boolean seen = whole.mask().allows(0, part.head0() + h, i, part.key0() + j, extent);
          bits.set(seen ? 1 : 0, 0, h, i, j);
        }
      }
    }
    return Mask.dense(bits);
  }

  private @Nullable Dropout dropout(@Nullable Dropout dropout, Part part) {
    if (dropout == null || kept == null) {
      return null;
    }
    AttentionCase c = whole.choices();
    long count = (long) part.heads() * c.extentQ * part.keys();
    Tensor packed = Tensor.zeros(DType.INT8, Math.ceilDiv(count, 8L));
    long to = 0;
    for (int h = 0; h < part.heads(); h++) {
      for (int i = 0; i < c.extentQ; i++) {
        for (int j = 0; j < part.keys(); j++, to++) {
          long row = (long) (part.head0() + h) * c.extentQ + i;
          long from = row * c.extentK + part.key0() + j;
          if (((int) kept.get(from >> 3) >> (from & 7) & 1) != 0) {
            packed.set((byte) ((int) packed.get(to >> 3) | 1 << (to & 7)), to >> 3);
          }
        }
      }
    }
    return Dropout.masked(dropout.p(), packed);
  }
}
