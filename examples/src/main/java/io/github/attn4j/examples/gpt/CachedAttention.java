package io.github.attn4j.examples.gpt;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import io.github.attn4j.DecodeRequest;
import io.github.attn4j.KvCache;
import io.github.attn4j.KvCacheStorage;
import io.github.attn4j.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Attention of new tokens over all that their sequences hold already, in one paged cache for each
 * layer. All layers see the same lengths, so one plan serves them all.
 */
final class CachedAttention implements Attend, AutoCloseable {
  private static final int PAGE_SIZE = 16;

  private final GptConfig config;
  private final int threads;
  private final List<KvCache> caches = new ArrayList<>();
  private List<Sequence> rowsOf = List.of();
  private int rowsEach;
  private @Nullable AttentionPlan plan;

  /**
   * Allocates the caches.
   *
   * @param sequences they must have room for
   * @param longest tokens of one
   */
  CachedAttention(
      GptConfig config, KvCacheStorage storage, int sequences, int longest, int threads) {
    this.config = config;
    this.threads = threads;
    for (int layer = 0; layer < config.layers(); layer++) {
      caches.add(
          KvCache.builder()
              .pages(sequences * Math.ceilDiv(longest, PAGE_SIZE))
              .pageSize(PAGE_SIZE)
              .heads(config.heads())
              .dims(config.headDim(), config.headDim())
              .storage(storage)
              .build());
    }
  }

  /**
   * A sequence.
   *
   * @param numbers of it in each layer's cache
   */
  record Sequence(long[] numbers) {}

  /** A sequence without tokens. */
  Sequence start() {
    return each(KvCache::newSequence);
  }

  /** A sequence that shares the tokens of another. */
  Sequence fork(Sequence other) {
    return new Sequence(
        IntStream.range(0, caches.size())
            .mapToLong(layer -> caches.get(layer).fork(other.numbers[layer]))
            .toArray());
  }

  private Sequence each(ToLongFunction<KvCache> number) {
    return new Sequence(caches.stream().mapToLong(number).toArray());
  }

  /** How many tokens a sequence has. */
  int length(Sequence sequence) {
    return caches.getFirst().length(sequence.numbers[0]);
  }

  /** Pages in use, of all layers. */
  int usedPages() {
    return caches.stream().mapToInt(KvCache::usedPages).sum();
  }

  /** The memory of all layers. */
  long bytes() {
    return caches.stream().mapToLong(KvCache::bytes).sum();
  }

  /** Says whose tokens the next pass brings: as many for each, those of one behind the other's. */
  void expect(List<Sequence> sequences, int tokensEach) {
    rowsOf = List.copyOf(sequences);
    rowsEach = tokensEach;
    plan = null;
  }

  @Override
  public void forward(int layer, float[] qkv, float[] out) {
    KvCache cache = caches.get(layer);
    int rows = rowsOf.size() * rowsEach;
    Tensor packed =
        Tensor.of(
            MemorySegment.ofArray(qkv), DType.FLOAT32, rows, 3, config.heads(), config.headDim());
    Tensor keys = packed.select(1, 1);
    Tensor values = packed.select(1, 2);
    long[] numbers = rowsOf.stream().mapToLong(sequence -> sequence.numbers[layer]).toArray();
    for (int s = 0; s < numbers.length; s++) {
      int from = s * rowsEach;
      cache.append(
          numbers[s], keys.slice(0, from, from + rowsEach), values.slice(0, from, from + rowsEach));
    }
    DecodeRequest request = DecodeRequest.of(packed.select(1, 0), numbers);
    AttentionResult result = cache.attend(planFor(cache, request), request);
    MemorySegment.copy(result.out().segment(), JAVA_FLOAT, 0, out, 0, rows * config.width());
  }

  private AttentionPlan planFor(KvCache cache, DecodeRequest request) {
    AttentionPlan made = plan;
    if (made == null) {
      made = Attention.plan(cache.spec(request).threads(threads).build());
      plan = made;
    }
    return made;
  }

  @Override
  public void close() {
    caches.forEach(KvCache::close);
  }
}
