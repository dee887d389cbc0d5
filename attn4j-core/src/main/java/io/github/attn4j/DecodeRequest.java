package io.github.attn4j;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * New query rows against the sequences of a {@link KvCache}.
 *
 * <p>The rows are the last ones of their sequence: of {@code n} rows, row {@code r} sees the keys
 * up to {@code length - n + r} (causal, bottom-right), so their own keys are appended first.
 *
 * <pre>{@code
 * DecodeRequest.of(query, first, second)
 *     .withOptions(spec -> spec.softcap(30).mask(Mask.window(1023, 0)));
 * }</pre>
 *
 * @param query floating (tokens, heads, headDim), the rows of one sequence behind those of the
 *     other
 * @param sequences the sequences, as the cache numbers them; one may come more than once
 * @param rows query rows of each sequence; 0 for none
 * @param sink one extra logit per head, floating (heads), or null
 * @param bias added to the scores, or null
 * @param options changes anything else about the call: scale, softcap, mask, dtype of the output,
 *     threads, executor, backend
 */
public record DecodeRequest(
    Tensor query,
    List<Long> sequences,
    List<Integer> rows,
    @Nullable Tensor sink,
    @Nullable Bias bias,
    UnaryOperator<AttentionSpec.Builder> options) {
  /**
   * Checks the query against the rows.
   *
   * @throws RefusedException naming {@code query} or {@code rows}
   */
  public DecodeRequest {
    checkQuery(query);
    sequences = List.copyOf(sequences);
    rows = List.copyOf(rows);
    long total = rows.stream().mapToLong(Integer::longValue).sum();
    boolean negative = rows.stream().anyMatch(n -> n < 0);
    if (negative || rows.size() != sequences.size() || total != query.dim(0)) {
      throw RefusedException.value(
          "rows",
          "expected a number for each of %d sequences, %d together, got %s (query %s)"
              .formatted(sequences.size(), query.dim(0), rows, query));
    }
  }

  private static void checkQuery(Tensor query) {
    if (!query.dtype().isFloating()) {
      throw RefusedException.type("query", "expected a floating dtype, got " + query);
    }
    if (query.rank() != 3) {
      throw RefusedException.value("query", "expected (tokens, heads, headDim), got " + query);
    }
  }

  /**
   * As many new rows for every sequence: one each while decoding.
   *
   * @param query floating (sequences * rows, heads, headDim)
   * @param sequences the sequences, as the cache numbers them
   * @return the request
   * @throws RefusedException naming {@code query}, if its tokens cannot be shared out evenly
   */
  public static DecodeRequest of(Tensor query, long... sequences) {
    checkQuery(query);
    int count = sequences.length;
    long each = count == 0 ? 0 : query.dim(0) / count;
    if (each * count != query.dim(0) || each > Integer.MAX_VALUE) {
      throw RefusedException.value(
          "query",
          "expected as many tokens for each of %d sequences, got %s".formatted(count, query));
    }
    List<Long> numbers = LongStream.of(sequences).boxed().toList();
    List<Integer> rows = Collections.nCopies(count, (int) each);
    return new DecodeRequest(query, numbers, rows, null, null, UnaryOperator.identity());
  }

  /**
   * New rows by their number.
   *
   * @param query floating (tokens, heads, headDim)
   * @param sequences the sequences, as the cache numbers them
   * @param rows query rows of each sequence
   * @return the request
   */
  public static DecodeRequest ragged(Tensor query, long[] sequences, int[] rows) {
    List<Long> numbers = LongStream.of(sequences).boxed().toList();
    List<Integer> counts = Arrays.stream(rows).boxed().toList();
    return new DecodeRequest(query, numbers, counts, null, null, UnaryOperator.identity());
  }

  /**
   * The same request with sinks.
   *
   * @param logits floating (heads), or null for none
   * @return a new request
   */
  public DecodeRequest withSink(@Nullable Tensor logits) {
    return new DecodeRequest(query, sequences, rows, logits, bias, options);
  }

  /**
   * The same request with a bias.
   *
   * @param values any kind, or null for none
   * @return a new request
   */
  public DecodeRequest withBias(@Nullable Bias values) {
    return new DecodeRequest(query, sequences, rows, sink, values, options);
  }

  /**
   * The same request with these options in place of any before; the mask is causal, bottom-right,
   * unless they say otherwise. Lengths, heads, dims and dtype come from the cache and the query.
   *
   * @param changes applied to the builder of the call's spec, before anything is computed
   * @return a new request
   */
  public DecodeRequest withOptions(UnaryOperator<AttentionSpec.Builder> changes) {
    return new DecodeRequest(query, sequences, rows, sink, bias, changes);
  }
}
