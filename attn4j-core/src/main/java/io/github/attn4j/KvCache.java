package io.github.attn4j;

import io.github.attn4j.internal.KvCachePages;
import io.github.attn4j.internal.KvCachePlane;
import io.github.attn4j.internal.KvCachePool;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Keys and values of any number of growing sequences, cut into pages of equal size, with attention
 * over them.
 *
 * <pre>{@code
 * try (KvCache cache = KvCache.builder().pages(1024).heads(8).dims(128, 128).build()) {
 *   long sequence = cache.newSequence();
 *   cache.append(sequence, key, value);                    // (tokens, kvHeads, dim), one or many
 *   AttentionResult step = cache.attend(query, sequence);  // (tokens, heads, headDim)
 * }
 * }</pre>
 *
 * <p>A sequence {@linkplain #fork forked} from another shares its pages. Only the last page, if it
 * is partly filled, is ever copied: when one of those that share it appends.
 *
 * <p>All pages lie in one native block, outside the heap and its limits, that {@link #close}
 * releases. One cache serves one layer.
 *
 * <p>Safe for several threads. What changes the cache ({@link #append}, {@link #fork}, {@link
 * #truncate}, {@link #free}, {@link #close}) excludes everything else and waits for calls that run;
 * {@link #attend} and all that only look run side by side. A method that throws has changed
 * nothing. After {@link #close} every method but that one throws {@link IllegalStateException}.
 */
public final class KvCache implements AutoCloseable {
  private final KvCacheSizes made;
  private final KvCachePool pool;
  private final KvCachePages pages;
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  KvCache(KvCacheSizes made) {
    this.made = made;
    long[] rows = {made.pages(), made.kvHeads(), made.pageSize()};
    DType dtype = made.storage().dtype();
    this.pool =
        new KvCachePool(rows, made.headDim(), made.valueDim(), dtype, made.storage().bits());
    this.pages = new KvCachePages(made.pages(), made.pageSize());
  }

  /**
   * Starts a cache; pages, heads and dims must be given.
   *
   * @return a builder
   */
  public static KvCacheBuilder builder() {
    return new KvCacheBuilder();
  }

  private <T> T locked(Lock side, Supplier<T> work) {
    side.lock();
    try {
      if (closed) {
        throw new IllegalStateException("expected an open cache, got one that was closed");
      }
      return work.get();
    } finally {
      side.unlock();
    }
  }

  private <T> T read(Supplier<T> work) {
    return locked(lock.readLock(), work);
  }

  private <T> T change(Supplier<T> work) {
    return locked(lock.writeLock(), work);
  }

  /**
   * Starts a sequence without tokens.
   *
   * @return its number, never used again
   */
  public long newSequence() {
    return change(pages::create);
  }

  /**
   * Starts a sequence with the tokens of another, sharing its pages.
   *
   * @param sequence the other
   * @return the number of the new one
   * @throws RefusedException naming {@code sequence}
   */
  public long fork(long sequence) {
    return change(() -> pages.fork(sequence));
  }

  /**
   * Ends a sequence. Pages that no other one shares become free.
   *
   * @param sequence which
   * @throws RefusedException naming {@code sequence}
   */
  public void free(long sequence) {
    change(() -> {
      pages.free(sequence);
      return sequence;
    });
  }

  /**
   * Drops the last tokens of a sequence, as after a speculation that failed; other sequences keep
   * them.
   *
   * @param sequence which
   * @param tokens how many, at most its length
   * @throws RefusedException naming {@code sequence} or {@code tokens}
   */
  public void truncate(long sequence, int tokens) {
    change(() -> {
      pages.truncate(sequence, tokens);
      return sequence;
    });
  }

  /**
   * Puts tokens behind the end of a sequence, in the cache's {@link KvCacheStorage}.
   *
   * @param sequence which
   * @param key floating (tokens, kvHeads, headDim), of any strides
   * @param value floating (tokens, kvHeads, valueDim), of any strides
   * @throws RefusedException naming {@code sequence}, {@code key} or {@code value}, or {@code
   *     pages} if too few are free; the cache is as before
   */
  public void append(long sequence, Tensor key, Tensor value) {
    checkRows("key", key, key, made.headDim());
    checkRows("value", value, key, made.valueDim());
    change(() -> {
      KvCachePages.Growth growth = pages.grow(sequence, key.dim(0));
      pool.write(growth, key, value);
      growth.commit();
      return sequence;
    });
  }

  private void checkRows(String name, Tensor tensor, Tensor key, int dim) {
    if (!tensor.dtype().isFloating()) {
      throw RefusedException.type(name, "expected a floating dtype, got " + tensor);
    }
    if (tensor.rank() != 3 || !tensor.hasShape(key.dim(0), made.kvHeads(), dim)) {
      throw RefusedException.value(
          name,
          "expected (tokens, %d, %d), got %s (key %s)".formatted(made.kvHeads(), dim, tensor, key));
    }
  }

  /**
   * How many tokens a sequence has.
   *
   * @param sequence which
   * @return its length
   */
  public int length(long sequence) {
    return read(() -> pages.length(sequence));
  }

  /**
   * The keys of a sequence as they were stored.
   *
   * @param sequence which
   * @return a copy, float32 (tokens, kvHeads, headDim)
   */
  public Tensor key(long sequence) {
    return read(() -> pool.key().read(pages.pages(sequence), pages.length(sequence)));
  }

  /**
   * The values of a sequence as they were stored.
   *
   * @param sequence which
   * @return a copy, float32 (tokens, kvHeads, valueDim)
   */
  public Tensor value(long sequence) {
    return read(() -> pool.value().read(pages.pages(sequence), pages.length(sequence)));
  }

  /**
   * Which pages hold the tokens of each sequence.
   *
   * @param sequences which
   * @return a copy, int32 (sequences, pages of the longest), -1 behind a sequence's end
   */
  public Tensor blockTable(long... sequences) {
    return read(() -> table(Arrays.stream(sequences).boxed().toList()));
  }

  private Tensor table(List<Long> sequences) {
    List<int[]> tables = sequences.stream().map(pages::pages).toList();
    int most = tables.stream().mapToInt(table -> table.length).max().orElse(0);
    int[] all = new int[Math.multiplyExact(tables.size(), most)];
    Arrays.fill(all, -1);
    for (int b = 0; b < tables.size(); b++) {
      System.arraycopy(tables.get(b), 0, all, b * most, tables.get(b).length);
    }
    return Tensor.of(all, tables.size(), most);
  }

  /**
   * Attention of new rows over their sequences, as many rows for each; causal, bottom-right.
   *
   * @param query floating (tokens, heads, headDim); heads is a multiple of kvHeads
   * @param sequences which, the rows of one behind those of the other
   * @return output (tokens, heads, valueDim) and lse (heads, tokens)
   */
  public AttentionResult attend(Tensor query, long... sequences) {
    return attend(DecodeRequest.of(query, sequences));
  }

  /**
   * Attention of new rows over their sequences.
   *
   * @param request rows, sequences and options
   * @return output (tokens, heads, valueDim) and lse (heads, tokens)
   * @throws RefusedException naming {@code sequence} or what does not fit the cache
   */
  public AttentionResult attend(DecodeRequest request) {
    // The caller's code runs before the lock is taken.
    AttentionSpec.Builder spec = withoutLengths(request);
    return read(() ->
        Attention.plan(spec.sequences(lengths(request)).build()).forward(unlockedInputs(request)));
  }

  /**
   * Attention by a plan that was made before: of the same request to another layer's cache, say.
   *
   * @param plan made from {@link #spec}, while the sequences had these lengths
   * @param request rows and sequences; its options are those of the plan
   * @return output (tokens, heads, valueDim) and lse (heads, tokens)
   * @throws RefusedException naming {@code plan} if the lengths differ
   */
  public AttentionResult attend(AttentionPlan plan, DecodeRequest request) {
    return read(() -> {
      Sequences expected = lengths(request);
      Sequences got = plan.spec().sequences();
      if (!expected.equals(got)) {
        throw RefusedException.value(
            "plan", "expected one for %s, got one for %s".formatted(expected, got));
      }
      return plan.forward(unlockedInputs(request));
    });
  }

  /**
   * What {@link #attend} makes its plan from, for those who make their own.
   *
   * @param request rows, sequences and options
   * @return a spec of ragged sequences with the cache's lengths, heads, dims and dtypes
   */
  public AttentionSpec.Builder spec(DecodeRequest request) {
    AttentionSpec.Builder spec = withoutLengths(request);
    return spec.sequences(read(() -> lengths(request)));
  }

  /**
   * What {@link #attend} hands its plan: query, bias and sink as given, and the pages themselves.
   * Whoever runs a plan on them without {@link #attend} must keep the sequences from changing and
   * the cache from closing meanwhile.
   *
   * @param request rows and sequences
   * @return the cache's memory, with the block table and what its integers mean
   */
  public AttentionInputs inputs(DecodeRequest request) {
    return read(() -> unlockedInputs(request));
  }

  private AttentionSpec.Builder withoutLengths(DecodeRequest request) {
    // One row sees every key, which needs no mask.
    boolean single = request.rows().stream().allMatch(n -> n <= 1);
    AttentionSpec.Builder spec =
        AttentionSpec.builder()
            .layout(Layout.TND)
            .heads(Math.toIntExact(request.query().dim(1)), made.kvHeads())
            .dims(made.headDim(), made.valueDim())
            .dtype(request.query().dtype())
            .kvDtype(made.storage().dtype())
            .mask(single ? Mask.full() : Mask.causal());
    return request.options().apply(spec);
  }

  private Sequences lengths(DecodeRequest request) {
    return Sequences.ragged(
        cumulative(request.rows(), n -> n), cumulative(request.sequences(), pages::length));
  }

  private static <T> long[] cumulative(List<T> items, Function<T, Integer> length) {
    long[] ends = new long[items.size() + 1];
    for (int n = 0; n < items.size(); n++) {
      ends[n + 1] = ends[n] + length.apply(items.get(n));
    }
    return ends;
  }

  private AttentionInputs unlockedInputs(DecodeRequest request) {
    KvCachePlane key = pool.key();
    KvCachePlane value = pool.value();
    return AttentionInputs.of(request.query(), key.pages(), value.pages())
        .withBias(request.bias())
        .withSink(request.sink())
        .withStorage(
            new AttentionInputs.Storage(
                table(request.sequences()), key.quantization(), value.quantization()));
  }

  /**
   * All pages.
   *
   * @return as many as the builder was given
   */
  public int totalPages() {
    return made.pages();
  }

  /**
   * Pages that hold nothing.
   *
   * @return how many
   */
  public int freePages() {
    return read(pages::freePages);
  }

  /**
   * Pages that hold tokens; one that several sequences share counts once.
   *
   * @return how many
   */
  public int usedPages() {
    return totalPages() - freePages();
  }

  /**
   * How many tokens a page holds.
   *
   * @return tokens
   */
  public int pageSize() {
    return made.pageSize();
  }

  /**
   * The size of the native block.
   *
   * @return bytes of all pages, scales included
   */
  public long bytes() {
    return pool.bytes();
  }

  /** Releases the memory, once the calls that run are done; closing again does nothing. */
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        pool.close();
        closed = true;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  @Override
  public String toString() {
    return "KvCache of %d pages of %d tokens, %s, %d heads, dims %d and %d"
        .formatted(
            made.pages(),
            made.pageSize(),
            made.storage(),
            made.kvHeads(),
            made.headDim(),
            made.valueDim());
  }
}
