package io.github.attn4j.bench.peer;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.operators.FlashMaskBenchmark;
import io.github.attn4j.operators.FlashMaskPatterns;

/**
 * One call to measure.
 *
 * @param pass what is computed
 * @param dtype FLOAT32 or BFLOAT16, of all tensors
 * @param mask one of {@link FlashMaskBenchmark#names}
 * @param batch sequences
 * @param heads query heads
 * @param kvHeads key and value heads, a divisor of heads
 * @param seqQ query rows of a sequence
 * @param seqK key rows of a sequence
 * @param dim columns of a head
 * @param threads at work
 */
public record Work(
    Pass pass,
    DType dtype,
    String mask,
    int batch,
    int heads,
    int kvHeads,
    int seqQ,
    int seqK,
    int dim,
    int threads) {
  /** The mask under which every query sees every key. */
  public static final String FULL = "full";

  /** The mask under which a query sees itself and its past. */
  public static final String CAUSAL = "causal";

  /** FLOPs of a visible element and column: two products of two operations each. */
  private static final double FORWARD_FLOPS = 4;

  /** The backward has five products to the forward's two. */
  private static final double BACKWARD = 2.5;

  /** One sequence of eight heads in float32 on one thread. */
  public static Work forward(String mask, int seq, int dim) {
    return new Work(Pass.FORWARD, DType.FLOAT32, mask, 1, 8, 8, seq, seq, dim, 1);
  }

  /** One sequence's step over a cache of so many keys, 32 heads on 8, 128 columns. */
  public static Work decode(DType dtype, int keys, int threads) {
    return new Work(Pass.DECODE, dtype, FULL, 1, 32, 8, 1, keys, 128, threads);
  }

  /** The same for another pass. */
  public Work with(Pass other) {
    return new Work(other, dtype, mask, batch, heads, kvHeads, seqQ, seqK, dim, threads);
  }

  /** The same in another dtype. */
  public Work with(DType other) {
    return new Work(pass, other, mask, batch, heads, kvHeads, seqQ, seqK, dim, threads);
  }

  /** The same on so many threads. */
  public Work onThreads(int count) {
    return new Work(pass, dtype, mask, batch, heads, kvHeads, seqQ, seqK, dim, count);
  }

  /** Whether the mask is the causal one. */
  public boolean causal() {
    return mask.equals(CAUSAL);
  }

  /** Whether the mask is one that other libraries have a flag for. */
  public boolean plainMask() {
    return causal() || mask.equals(FULL);
  }

  /** Elements of the query, and of the output. */
  public int queryElements() {
    return batch * heads * seqQ * dim;
  }

  /** Elements of the key, and of the value. */
  public int keyElements() {
    return Math.multiplyExact(batch * kvHeads, seqK * dim);
  }

  /** Elements of what a call returns: the output, or the three gradients. */
  public int resultElements() {
    return pass == Pass.BACKWARD ? queryElements() + 2 * keyElements() : queryElements();
  }

  /** 10^9 bytes of key and value. */
  public double cacheGigabytes() {
    return 2e-9 * keyElements() * dtype.bytes();
  }

  /**
   * 10^9 operations.
   *
   * @param visible elements of the score matrices, of all sequences and heads, that the mask shows
   */
  public double gflop(long visible) {
    return FORWARD_FLOPS * dim * visible * (pass == Pass.BACKWARD ? BACKWARD : 1) * 1e-9;
  }

  /** What a plan of attn4j is made from. */
  public AttentionSpec spec() {
    FlashMaskPatterns plain = FlashMaskPatterns.of(seqQ, seqK);
    return AttentionSpec.builder()
        .padded(batch, seqQ, seqK)
        .heads(heads, kvHeads)
        .dims(dim, dim)
        .dtype(dtype)
        .kvDtype(dtype)
        .mask(
            switch (mask) {
              case FULL -> plain.full().mask();
              case CAUSAL -> plain.causal().mask();
              default -> FlashMaskBenchmark.pattern(mask, seqK, heads).mask();
            })
        .threads(threads)
        .build();
  }
}
