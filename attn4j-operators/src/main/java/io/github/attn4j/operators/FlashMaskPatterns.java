package io.github.attn4j.operators;

import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.Random;

/**
 * Generators of FlashMask's mask patterns (arXiv 2410.01359, figure 1, and its authors' tests) for
 * one length of query and key.
 *
 * <pre>{@code
 * FlashMaskPattern packed = FlashMaskPatterns.of(4096).causalDocument(1200, 2000, 896);
 * packed.applyTo(FlashmaskAttention.of(query, key, value)).forward();
 * }</pre>
 *
 * <p>Each pattern says which keys {@code j} a query {@code i} sees; both count from the top left,
 * and where a pattern is causal the diagonal is the operator's own. Documents lie one behind the
 * other from row 0; what is left behind the last one is padding. Every number in the indices is
 * clipped to {@code [0, seqlenQ]}.
 */
public final class FlashMaskPatterns {
  /**
   * A row no query has: the interval that starts here masks nothing, one that ends here goes to the
   * last row.
   */
  private static final int NEVER = Integer.MAX_VALUE;

  private final int seqlenQ;
  private final int seqlenK;

  private FlashMaskPatterns(int seqlenQ, int seqlenK) {
    if (seqlenQ < 0 || seqlenK < 0) {
      throw RefusedException.value(
          seqlenQ < 0 ? "seqlenQ" : "seqlenK",
          "expected at least 0, got %d and %d".formatted(seqlenQ, seqlenK));
    }
    this.seqlenQ = seqlenQ;
    this.seqlenK = seqlenK;
  }

  /**
   * Patterns for query and key of one length.
   *
   * @param seqlen rows of both
   * @return the generators
   */
  public static FlashMaskPatterns of(int seqlen) {
    return new FlashMaskPatterns(seqlen, seqlen);
  }

  /**
   * Patterns for query and key of different lengths.
   *
   * @param seqlenQ query rows
   * @param seqlenK key rows
   * @return the generators
   */
  public static FlashMaskPatterns of(int seqlenQ, int seqlenK) {
    return new FlashMaskPatterns(seqlenQ, seqlenK);
  }

  /**
   * Every query sees every key; no indices.
   *
   * @return the pattern
   */
  public FlashMaskPattern full() {
    return new FlashMaskPattern("full", false, null);
  }

  /**
   * Keys up to the query's own place; no indices.
   *
   * @return the pattern
   */
  public FlashMaskPattern causal() {
    return new FlashMaskPattern("causal", true, null);
  }

  /**
   * A padded causal sequence: {@code j <= i < length}; padding rows see nothing.
   *
   * @param length real rows
   * @return the pattern
   */
  public FlashMaskPattern causalPadded(int length) {
    return columns("causal-padded", true, filled(length));
  }

  /**
   * The last {@code window} keys, the query's own included: {@code i - window < j <= i}.
   *
   * @param window keys a query sees
   * @return the pattern
   */
  public FlashMaskPattern slidingWindow(int window) {
    int[] lts = new int[seqlenK];
    Arrays.setAll(lts, j -> clip((long) j + window));
    return columns("sliding-window", true, lts);
  }

  /**
   * Packed documents, each causal; the last one reaches to the end of the sequence.
   *
   * @param documents their lengths
   * @return the pattern
   */
  public FlashMaskPattern causalDocument(int... documents) {
    Packing packed = pack(documents);
    int[] lts = filled(NEVER);
    for (int d = 0; d < packed.count() - 1; d++) {
      Arrays.fill(lts, packed.start(d), packed.end(d), packed.end(d));
    }
    return columns("causal-document", true, lts);
  }

  /**
   * Packed documents, seen in both directions; padding sees nothing and is seen by nobody.
   *
   * @param documents their lengths
   * @return the pattern
   */
  public FlashMaskPattern document(int... documents) {
    Packing packed = pack(documents);
    int[] lts = filled(packed.total());
    int[] ute = filled(packed.total());
    for (int d = 0; d < packed.count(); d++) {
      Arrays.fill(lts, packed.start(d), packed.end(d), packed.end(d));
      Arrays.fill(ute, packed.start(d), packed.end(d), packed.start(d));
    }
    return columns("document", false, lts, ute);
  }

  /**
   * The published benchmark's "Document Mask", which is malformed: its upper ends add up the
   * lengths of documents 1 to d where those of 0 to d − 1 are meant, so that documents see foreign
   * rows and many rows see nothing. It is here because the published figures are for this mask; for
   * documents use {@link #document}.
   *
   * @param documents their lengths
   * @return the pattern
   */
  public FlashMaskPattern malformedDocument(int... documents) {
    Packing packed = pack(documents);
    int[] lts = filled(packed.total());
    int[] ute = filled(packed.total() - (documents.length == 0 ? 0 : documents[0]));
    for (int d = 0; d < packed.count(); d++) {
      Arrays.fill(lts, packed.start(d), packed.end(d), packed.end(d));
      Arrays.fill(ute, packed.start(d), packed.end(d), packed.end(d) - documents[0]);
    }
    return columns("document-malformed", false, lts, ute);
  }

  /**
   * Causal documents as ERNIE packs them: padding rows see nothing.
   *
   * @param documents their lengths
   * @return the pattern
   */
  public FlashMaskPattern erniePacked(int... documents) {
    Packing packed = pack(documents);
    int[] lts = new int[seqlenK];
    Arrays.setAll(lts, j -> j);
    for (int d = 0; d < packed.count(); d++) {
      Arrays.fill(lts, packed.start(d), packed.end(d), packed.end(d));
    }
    return columns("ernie-packed", true, lts);
  }

  /**
   * Documents of one question and several answers, all causal: an answer sees its document's
   * question and itself, not the other answers; padding sees nothing.
   *
   * @param documents for each document the length of its question, then those of its answers
   * @return the pattern
   */
  public FlashMaskPattern shareQuestion(int[]... documents) {
    Packing packed = pack(Arrays.stream(documents).mapToInt(Packing::sum).toArray());
    int[] lts = filled(packed.total());
    for (int d = 0; d < packed.count(); d++) {
      int from = packed.start(d);
      for (int part = 0; part < documents[d].length; part++) {
        int to = from + documents[d][part];
        Arrays.fill(lts, from, to, part == 0 ? packed.end(d) : to);
        from = to;
      }
    }
    return columns("share-question", true, lts);
  }

  /**
   * A sliding window in both directions, and tokens that see all and are seen by all: {@code i <
   * global}, or {@code j < global}, or {@code -right <= i - j <= left}.
   *
   * @param global how many global tokens, the first ones
   * @param left keys before the query's own place
   * @param right keys after it
   * @return the pattern
   */
  public FlashMaskPattern globalSlidingWindow(int global, int left, int right) {
    if (Math.min(global, Math.min(left, right)) < 0) {
      throw RefusedException.value(
          "window",
          "expected numbers >= 0, got %d global, left %d, right %d".formatted(global, left, right));
    }
    int[] lts = new int[seqlenK];
    int[] uts = new int[seqlenK];
    int[] ute = new int[seqlenK];
    for (int j = 0; j < seqlenK; j++) {
      lts[j] = j < global ? NEVER : clip((long) j + left + 1);
      boolean reached = j < (long) global + right + 1;
      uts[j] = reached ? 0 : global;
      ute[j] = reached ? 0 : j - right;
    }
    return columns("global-sliding-window", false, lts, filled(NEVER), uts, ute);
  }

  /**
   * Documents of which the last one sees all before it, the others only themselves; all causal.
   *
   * @param documents their lengths, at least one
   * @return the pattern
   */
  public FlashMaskPattern causalBlockwise(int... documents) {
    Packing packed = pack(documents);
    if (packed.count() == 0) {
      throw RefusedException.value("documents", "expected at least one length, got none");
    }
    int last = packed.count() - 1;
    int[] lts = filled(packed.end(last));
    int[] lte = filled(NEVER);
    for (int d = 0; d <= last; d++) {
      Arrays.fill(lts, packed.start(d), packed.end(d), packed.end(d));
      Arrays.fill(
          lte, packed.start(d), packed.end(d), d == last ? packed.end(last) : packed.start(last));
    }
    return columns("causal-blockwise", true, lts, lte);
  }

  /**
   * Packed documents, each with a prefix that all its rows see, and causal behind it; padding sees
   * nothing and is seen by nobody.
   *
   * @param documents for each document the length of its prefix, then its whole length
   * @return the pattern
   */
  public FlashMaskPattern prefixLmDocument(int[]... documents) {
    Packing packed = pack(Arrays.stream(documents).mapToInt(Packing::wholeLength).toArray());
    int[] lts = filled(packed.total());
    int[] ute = filled(packed.total());
    for (int d = 0; d < packed.count(); d++) {
      int start = packed.start(d);
      Arrays.fill(lts, start, packed.end(d), packed.end(d));
      Arrays.fill(ute, start, start + documents[d][0], start);
      for (int j = start + documents[d][0]; j < packed.end(d); j++) {
        ute[j] = j;
      }
    }
    return columns("prefix-lm-document", false, lts, ute);
  }

  /**
   * A prefix that every row sees, and causal behind it: {@code j < prefix} or {@code j <= i}.
   *
   * @param prefix its length
   * @return the pattern
   */
  public FlashMaskPattern prefixLmCausal(int prefix) {
    int[] ute = new int[seqlenK];
    Arrays.setAll(ute, j -> j < prefix ? 0 : j);
    return columns("prefix-lm-causal", false, filled(NEVER), ute);
  }

  /**
   * Causal, with spans of dropped rows: queries in a span see no key of that span.
   *
   * @param spans for each span its first row, then its length; ascending, not overlapping
   * @return the pattern
   */
  public FlashMaskPattern qkSparse(int[]... spans) {
    int[] lts = filled(NEVER);
    int[] lte = filled(NEVER);
    long free = 0;
    for (int[] span : spans) {
      if (span.length != 2 || span[0] < free || span[1] < 0 || (long) span[0] + span[1] > seqlenK) {
        throw RefusedException.value(
            "spans",
            "expected a first row and a length, ascending within %d rows, got %s"
                .formatted(seqlenK, Arrays.deepToString(spans)));
      }
      int end = span[0] + span[1];
      for (int j = span[0]; j < end; j++) {
        lts[j] = j;
        lte[j] = end;
      }
      free = end;
    }
    return columns("qk-sparse", true, lts, lte);
  }

  /**
   * For each key one stretch of queries that see it, as sorted hash buckets give: {@code from[j] <=
   * i < to[j]}.
   *
   * @param from first row that sees the key, per key
   * @param to first row behind those, per key
   * @return the pattern
   */
  public FlashMaskPattern hashSparse(int[] from, int[] to) {
    if (from.length != seqlenK || to.length != seqlenK) {
      throw RefusedException.value(
          "from",
          "expected one row per key, %d, got %d and %d".formatted(seqlenK, from.length, to.length));
    }
    return columns("hash-sparse", false, to.clone(), from.clone());
  }

  /**
   * Queries and keys sorted by their hash: a query sees the keys of its own bucket.
   *
   * @param queryBuckets the bucket of each query, ascending
   * @param keyBuckets the bucket of each key, in any order
   * @return the pattern
   */
  public FlashMaskPattern hashBuckets(int[] queryBuckets, int[] keyBuckets) {
    HashBuckets buckets = new HashBuckets(queryBuckets);
    int[] from = new int[keyBuckets.length];
    int[] to = new int[keyBuckets.length];
    Arrays.setAll(from, j -> buckets.firstRow(keyBuckets[j]));
    Arrays.setAll(to, j -> buckets.firstRow(keyBuckets[j] + 1L));
    return hashSparse(from, to);
  }

  /**
   * A key cache that drops keys: {@code j <= i < evictedAt[head][j]}.
   *
   * @param evictedAt per head, for each key the first row that no longer sees it; seqlenQ or more
   *     for never
   * @return the pattern, one mask per head
   */
  public FlashMaskPattern eviction(int[]... evictedAt) {
    int[] all = new int[Math.multiplyExact(evictedAt.length, seqlenK)];
    for (int head = 0; head < evictedAt.length; head++) {
      if (evictedAt[head].length != seqlenK) {
        throw RefusedException.value(
            "evictedAt",
            "expected one row per key, %d, got %d".formatted(seqlenK, evictedAt[head].length));
      }
      for (int j = 0; j < seqlenK; j++) {
        all[head * seqlenK + j] = clip(evictedAt[head][j]);
      }
    }
    Tensor indices = Tensor.of(all, 1, evictedAt.length, seqlenK, 1);
    return new FlashMaskPattern("random-eviction", true, indices);
  }

  /**
   * A key cache of fixed size that drops one random key at every row from {@code startRow} on, per
   * head. A key is dropped only after its own query has seen it.
   *
   * @param heads how many heads, each with its own choice
   * @param startRow the first row that drops a key, at least 1
   * @param seed of the choice
   * @return the pattern, one mask per head
   */
  public FlashMaskPattern randomEviction(int heads, int startRow, long seed) {
    if (startRow < 1) {
      throw RefusedException.value("startRow", "expected at least 1, got " + startRow);
    }
    Random random = new Random(seed);
    int[][] evictedAt = new int[heads][];
    for (int head = 0; head < heads; head++) {
      evictedAt[head] = Evictions.draw(seqlenK, startRow, random);
    }
    return eviction(evictedAt);
  }

  private int[] filled(int value) {
    int[] vector = new int[seqlenK];
    Arrays.fill(vector, value);
    return vector;
  }

  private int clip(long row) {
    return Math.clamp(row, 0, seqlenQ);
  }

  /** The vectors side by side, one row of numbers per key. */
  private FlashMaskPattern columns(String name, boolean causal, int[]... vectors) {
    int[] data = new int[Math.multiplyExact(seqlenK, vectors.length)];
    for (int j = 0; j < seqlenK; j++) {
      for (int c = 0; c < vectors.length; c++) {
        data[j * vectors.length + c] = clip(vectors[c][j]);
      }
    }
    return new FlashMaskPattern(name, causal, Tensor.of(data, 1, 1, seqlenK, vectors.length));
  }

  private Packing pack(int[] lengths) {
    return Packing.of(lengths, seqlenK);
  }
}
