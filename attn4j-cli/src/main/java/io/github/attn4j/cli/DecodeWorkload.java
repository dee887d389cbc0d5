package io.github.attn4j.cli;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Decoding steps, each over another cache as the layers of a model have them: together they are
 * larger than what a processor keeps in its own caches, so that every step reads memory.
 */
final class DecodeWorkload {
  /** Larger than the last level of today's processors. */
  private static final long COLD_BYTES = 256L << 20;

  private static final int MOST_CACHES = 64;

  private final AttentionPlan plan;
  private final List<AttentionInputs> layers = new ArrayList<>();
  private final AttentionResult result;
  private final long bytes;
  private int next;

  DecodeWorkload(BenchCase one, long seed) {
    AttentionSpec spec = one.spec();
    plan = Attention.plan(spec);
    SplittableRandom random = new SplittableRandom(seed);
    Tensor query = Workload.normal(random, spec.dtype(), one.batch(), one.heads(), 1, one.dim());
    Tensor key = cache(one, spec, random);
    Tensor value = cache(one, spec, random);
    AttentionInputs.Storage storage = storage(one, random);
    long row = key.dim(3) * spec.kvDtype().bytes();
    bytes = 2L * one.batch() * one.kvHeads() * one.seqK() * row;
    long caches = Math.clamp(Math.ceilDiv(COLD_BYTES, bytes), 1, MOST_CACHES);
    for (int layer = 0; layer < caches; layer++) {
      layers.add(AttentionInputs.of(query, key.copy(), value.copy()).withStorage(storage));
    }
    result = plan.forward(layers.getFirst());
  }

  private static Tensor cache(BenchCase one, AttentionSpec spec, SplittableRandom random) {
    int columns = one.quantBits() == 4 ? Math.ceilDiv(one.dim(), 2) : one.dim();
    long[] shape =
        one.pageSize() == 0
            ? new long[] {one.batch(), one.kvHeads(), one.seqK(), columns}
            : new long[] {pages(one), one.kvHeads(), one.pageSize(), columns};
    if (one.quantBits() == 0) {
      return Workload.normal(random, spec.dtype(), shape);
    }
    byte[] integers = new byte[Workload.elements(shape)];
    random.nextBytes(integers);
    return Tensor.of(integers, DType.INT8, shape);
  }

  private static int pages(BenchCase one) {
    return Math.multiplyExact(one.batch(), Math.ceilDiv(one.seqK(), one.pageSize()));
  }

  private static AttentionInputs.@Nullable Storage storage(BenchCase one, SplittableRandom random) {
    Quantization integers = one.quantBits() == 0 ? null : quantization(one);
    Tensor table = one.pageSize() == 0 ? null : table(one, random);
    return integers == null && table == null
        ? null
        : new AttentionInputs.Storage(table, integers, integers);
  }

  /** One scale per channel, by which the integers come out of order one. */
  private static Quantization quantization(BenchCase one) {
    float[] scales = new float[one.kvHeads() * one.dim()];
    Arrays.fill(scales, 2f / (1 << (one.quantBits() - 1)));
    return new Quantization(
        one.quantBits(), Tensor.of(scales, 1, one.kvHeads(), 1, one.dim()), null);
  }

  /**
   * Every page once, in the order in which a pool that has been used for a while hands them out.
   */
  private static Tensor table(BenchCase one, SplittableRandom random) {
    int[] pages = new int[pages(one)];
    for (int n = 0; n < pages.length; n++) {
      int other = random.nextInt(n + 1);
      pages[n] = pages[other];
      pages[other] = n;
    }
    return Tensor.of(pages, one.batch(), pages.length / one.batch());
  }

  AttentionPlan plan() {
    return plan;
  }

  /** Bytes of key and value that a step reads. */
  long bytes() {
    return bytes;
  }

  void step() {
    plan.forward(layers.get(next), result);
    next = (next + 1) % layers.size();
  }
}
