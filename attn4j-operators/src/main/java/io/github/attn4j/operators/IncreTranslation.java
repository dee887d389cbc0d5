package io.github.attn4j.operators;

import io.github.attn4j.Alignment;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.DType;
import io.github.attn4j.Mask;
import io.github.attn4j.Quantization;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import io.github.attn4j.WindowMask;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** What the checked arguments of {@code incre_flash_attention} mean in the core's words. */
final class IncreTranslation {
  private final IncreFlashAttention call;
  private final IncreSizes sizes;
  private final IncreShape shape;
  private final int prefix;
  private final @Nullable Tensor mask;

  IncreTranslation(IncreFlashAttention call, IncreSizes sizes) {
    this.call = call;
    this.sizes = sizes;
    shape = sizes.shape();
    prefix = sizes.prefix();
    mask = mask(call.attnMask);
  }

  /** As (B, mask heads, rows or 1, columns); the document's form of two dimensions has no rows. */
  private static @Nullable Tensor mask(@Nullable Tensor given) {
    if (given == null || given.elements() == 0) {
      return null;
    }
    return switch (given.rank()) {
      case 2 -> given.reshape(given.dim(0), 1, 1, given.dim(1));
      case 3 -> given.reshape(given.dim(0), 1, given.dim(1), given.dim(2));
      default -> given;
    };
  }

  /** The cache. */
  IncrePart cache() {
    int batch = shape.batch();
    Tensor key = call.key.get(0);
    Tensor value = call.value.get(0);
    Tensor table = call.blockTable;
    if (table != null) {
      table = table.slice(0, 0, batch);
      key = IncrePages.view(shape, key);
      value = IncrePages.view(shape, value);
    }
    Sequences sequences =
        Sequences.padded(
            shape.seqlenQ(),
            sizes.seqlenK(),
            new int[batch],
            rows(),
            sizes.starts(),
            sizes.lengths());
    // One row stands beside the last key and so sees them all.
    Mask order = call.causal && shape.seqlenQ() > 1 ? Mask.causal() : Mask.full();
    AttentionInputs inputs =
        AttentionInputs.of(call.query, key, value)
            .withBias(cacheBias())
            .withStorage(storage(table, key.dtype()));
    return new IncrePart(shape, sequences, order, cacheHidden(), inputs);
  }

  private int[] rows() {
    int[] rows = new int[shape.batch()];
    Arrays.fill(rows, shape.seqlenQ());
    return rows;
  }

  private AttentionInputs.@Nullable Storage storage(@Nullable Tensor table, DType dtype) {
    boolean integers = dtype == DType.INT8;
    Quantization key = integers ? IncreQuantChecks.rule(call, shape, 0) : null;
    Quantization value = integers ? IncreQuantChecks.rule(call, shape, 1) : null;
    return table == null && key == null ? null : new AttentionInputs.Storage(table, key, value);
  }

  private boolean startsAtZero() {
    return Arrays.stream(sizes.starts()).allMatch(start -> start == 0);
  }

  /** The core counts mask columns from a window's first key, the document from the cache's. */
  private List<Tensor> cacheHidden() {
    Tensor elements = mask;
    if (elements == null) {
      return List.of();
    }
    if (startsAtZero()) {
      return List.of(elements.slice(3, prefix, (long) prefix + sizes.seqlenK()));
    }
    return IntStream.range(0, shape.batch())
        .mapToObj(b -> {
          long start = (long) prefix + sizes.starts()[b];
          return elements.slice(0, b, b + 1).slice(3, start, start + sizes.lengths()[b]);
        })
        .toList();
  }

  private @Nullable Tensor cacheBias() {
    Tensor bias = call.pseShift;
    if (bias == null) {
      return null;
    }
    long end = (long) prefix + sizes.seqlenK();
    if (startsAtZero() && bias.dim(3) >= end) {
      return bias.slice(3, prefix, end);
    }
    // Moved to where each window starts, and filled up to the rows of the cache.
    Tensor moved =
        Tensor.zeros(bias.dtype(), shape.batch(), shape.heads(), bias.dim(2), sizes.seqlenK());
    for (int b = 0; b < shape.batch(); b++) {
      long start = (long) prefix + sizes.starts()[b];
      int length = sizes.lengths()[b];
      Tensor entry = bias.select(0, bias.dim(0) == 1 ? 0 : b);
      moved.select(0, b).slice(2, 0, length).assign(entry.slice(2, start, start + length));
    }
    return moved;
  }

  /**
   * Whether the rows of all sequences are those of one to the prefix, which is then read once. The
   * views are free for one row per sequence; of more, rows may differ in what they see.
   */
  boolean joinsBatch() {
    boolean plain =
        mask == null
            && call.pseShift == null
            && (!call.causal
                || Arrays.stream(sizes.lengths()).allMatch(length -> length >= shape.seqlenQ()));
    return shape.seqlenQ() == 1 || plain;
  }

  /** The shared prefix, or null without. */
  @Nullable IncrePart prefix() {
    Tensor keys = call.prefixKey;
    Tensor values = call.prefixValue;
    if (keys == null || values == null) {
      return null;
    }
    Tensor bias = call.pseShift == null ? null : call.pseShift.slice(3, 0, prefix);
    Tensor elements = mask == null ? null : mask.slice(3, 0, prefix);
    AttentionInputs.Storage storage = storage(null, keys.dtype());
    if (joinsBatch()) {
      return new IncrePart(
          shape,
          Sequences.padded(1, shape.batch() * shape.seqlenQ(), prefix),
          Mask.full(),
          elements == null ? List.of() : List.of(joined(elements)),
          AttentionInputs.of(shape.joinBatch(call.query), keys, values)
              .withBias(bias == null ? null : joined(bias))
              .withStorage(storage));
    }
    return new IncrePart(
        shape,
        Sequences.padded(shape.batch(), shape.seqlenQ(), prefix),
        prefixOrder(),
        elements == null ? List.of() : List.of(elements),
        AttentionInputs.of(call.query, repeated(keys), repeated(values))
            .withBias(bias)
            .withStorage(storage));
  }

  /** Elements of one row per sequence as rows of one sequence. */
  private static Tensor joined(Tensor perSequence) {
    return perSequence.transpose(0, 2);
  }

  private Tensor repeated(Tensor keys) {
    long[] extents = keys.shape();
    extents[0] = shape.batch();
    return keys.expand(extents);
  }

  /** The last row stands beside the cache's last key, behind the prefix. */
  private Mask prefixOrder() {
    if (!call.causal) {
      return Mask.full();
    }
    return Mask.perSequence(
        Arrays.stream(sizes.lengths())
            .<Mask>mapToObj(length ->
                new WindowMask(
                    WindowMask.OPEN, prefix + length - shape.seqlenQ(), Alignment.TOP_LEFT))
            .toList());
  }
}
