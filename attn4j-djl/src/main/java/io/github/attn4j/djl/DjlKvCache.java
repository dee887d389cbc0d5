package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.DecodeRequest;
import io.github.attn4j.KvCache;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.function.Function;

/**
 * A {@link KvCache} that takes and gives arrays.
 *
 * <pre>{@code
 * try (DjlKvCache cache = DjlKvCache.of(KvCache.builder().pages(1024).heads(8).dims(128, 128).build())) {
 *   long sequence = cache.newSequence();
 *   cache.append(sequence, key, value);                  // (tokens, kvHeads, dim), one or many
 *   NDArray out = cache.attend(query, sequence).out();   // (tokens, heads, valueDim)
 * }
 * }</pre>
 *
 * <p>Keys and values are copied into the cache's pages, in its storage, so their arrays may be
 * closed. Safe for several threads, as the core's cache is; a method that throws has changed
 * nothing.
 */
public final class DjlKvCache implements AutoCloseable {
  private final KvCache cache;

  private DjlKvCache(KvCache cache) {
    this.cache = cache;
  }

  /**
   * Arrays for a cache.
   *
   * @param cache any cache; {@link #close} closes it
   * @return the same cache
   */
  public static DjlKvCache of(KvCache cache) {
    return new DjlKvCache(cache);
  }

  /**
   * The core's cache: sizes, block tables, stored keys and values.
   *
   * @return the cache this one was made of
   */
  public KvCache cache() {
    return cache;
  }

  /**
   * Starts a sequence without tokens.
   *
   * @return its number, never used again
   */
  public long newSequence() {
    return cache.newSequence();
  }

  /**
   * Starts a sequence with the tokens of another, sharing its pages.
   *
   * @param sequence the other
   * @return the number of the new one
   * @throws RefusedException naming {@code sequence}
   */
  public long fork(long sequence) {
    return cache.fork(sequence);
  }

  /**
   * Drops the last tokens of a sequence; other sequences keep them.
   *
   * @param sequence which
   * @param tokens how many, at most its length
   * @throws RefusedException naming {@code sequence} or {@code tokens}
   */
  public void truncate(long sequence, int tokens) {
    cache.truncate(sequence, tokens);
  }

  /**
   * Ends a sequence. Pages that no other one shares become free.
   *
   * @param sequence which
   * @throws RefusedException naming {@code sequence}
   */
  public void free(long sequence) {
    cache.free(sequence);
  }

  /**
   * How many tokens a sequence has.
   *
   * @param sequence which
   * @return its length
   */
  public int length(long sequence) {
    return cache.length(sequence);
  }

  /**
   * Puts tokens behind the end of a sequence.
   *
   * @param sequence which
   * @param key floating (tokens, kvHeads, headDim)
   * @param value floating (tokens, kvHeads, valueDim)
   * @throws RefusedException naming {@code sequence}, {@code key} or {@code value}, or {@code
   *     pages} if too few are free; the cache is as before
   */
  public void append(long sequence, NDArray key, NDArray value) {
    try (OpenArrays open = new OpenArrays()) {
      cache.append(sequence, open.tensor("key", key), open.tensor("value", value));
    }
  }

  /**
   * Attention of new rows over their sequences, as many rows for each; causal, bottom-right.
   *
   * @param query floating (tokens, heads, headDim), the rows of one sequence behind those of the
   *     other; heads is a multiple of kvHeads
   * @param sequences which
   * @return output (tokens, heads, valueDim) and lse (heads, tokens), attached to the query's
   *     manager
   * @throws RefusedException naming the query, or the sequence that does not exist
   */
  public DjlResult attend(NDArray query, long... sequences) {
    return attend(query, rows -> DecodeRequest.of(rows, sequences));
  }

  /**
   * Attention of new rows by any request: rows of different number, window, softcap, bias, sink.
   *
   * <pre>{@code
   * cache.attend(query, rows -> DecodeRequest.ragged(rows, new long[] {a, b}, new int[] {1, 4})
   *     .withOptions(spec -> spec.mask(Mask.window(1023, 0))));
   * }</pre>
   *
   * @param query floating (tokens, heads, headDim)
   * @param request makes a request of the query as a tensor, which lives as long as the call
   * @return output (tokens, heads, valueDim) and lse (heads, tokens), attached to the query's
   *     manager
   * @throws RefusedException naming {@code query}, {@code sequence} or what does not fit
   */
  public DjlResult attend(NDArray query, Function<Tensor, DecodeRequest> request) {
    try (OpenArrays open = new OpenArrays();
        NewArrays made = new NewArrays(query.getManager())) {
      AttentionResult result = cache.attend(request.apply(open.tensor("query", query)));
      return made.keep(
          new DjlResult(
              made.copy("outDtype", result.out()),
              made.copy("lse", result.lse()),
              made.copyOptional("maxLogit", result.maxLogit()),
              result.stats() == null ? null : made.copy("rowMax", result.stats().rowMax()),
              result.stats() == null ? null : made.copy("rowSum", result.stats().rowSum())));
    }
  }

  /** Closes the core's cache, once the calls that run are done; closing again does nothing. */
  @Override
  public void close() {
    cache.close();
  }

  @Override
  public String toString() {
    return cache.toString();
  }
}
