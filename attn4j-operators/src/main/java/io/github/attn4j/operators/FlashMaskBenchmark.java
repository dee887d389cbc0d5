package io.github.attn4j.operators;

import io.github.attn4j.RefusedException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * The masks of FlashMask's published benchmark by name, at any length.
 *
 * <p>Window, prefix and eviction scale with the length as the benchmark's do (a sixteenth, a half,
 * a half); the documents are the benchmark's third sample for 8192 rows, scaled, unless others are
 * given. Random choices are the same at every call.
 */
public final class FlashMaskBenchmark {
  /** Global tokens of the benchmark at every length. */
  private static final int GLOBAL_TOKENS = 16;

  private static final long SEED = 0;

  private static final List<String> PUBLISHED =
      List.of(
          "full",
          "causal",
          "sliding-window",
          "causal-document",
          "document",
          "share-question",
          "global-sliding-window",
          "causal-blockwise",
          "prefix-lm-document",
          "prefix-lm-causal",
          "qk-sparse",
          "random-eviction");

  private static final List<String> ALL =
      List.of(
          "full",
          "causal",
          "sliding-window",
          "causal-document",
          "document",
          "share-question",
          "global-sliding-window",
          "causal-blockwise",
          "prefix-lm-document",
          "prefix-lm-causal",
          "qk-sparse",
          "random-eviction",
          "hash-sparse",
          "causal-padded",
          "ernie-packed",
          "document-malformed");

  /**
   * The benchmark's third sample for 8192 rows: five documents, two of them dropped by the
   * QK-sparse mask.
   */
  private static final List<Document> SAMPLE =
      List.of(
          new Document(245, 1041, false),
          new Document(737, 2718, true),
          new Document(391, 1420, true),
          new Document(275, 1191, false),
          new Document(328, 1822, false));

  /**
   * One document of a sample.
   *
   * @param prefix rows of its prefix, for the prefix-LM masks
   * @param length all its rows
   * @param dropped whether the QK-sparse mask drops it
   */
  public record Document(int prefix, int length, boolean dropped) {}

  private FlashMaskBenchmark() {}

  /**
   * The twelve masks of the published tables, in their order.
   *
   * @return names for {@link #pattern(String, int, int)}
   */
  public static List<String> published() {
    return PUBLISHED;
  }

  /**
   * Every mask there is by name: the published ones, hash-sparse, padded and packed sequences, and
   * the malformed document mask that the published document figures are for.
   *
   * @return names for {@link #pattern(String, int, int)}
   */
  public static List<String> names() {
    return ALL;
  }

  /**
   * A mask by name, at any length.
   *
   * @param name one of {@link #names}
   * @param seqlen rows of query and key
   * @param heads how many heads choose for themselves where the mask has that (random-eviction)
   * @return the pattern
   * @throws RefusedException if there is none of that name
   */
  public static FlashMaskPattern pattern(String name, int seqlen, int heads) {
    return pattern(name, seqlen, heads, documents(seqlen));
  }

  /**
   * The benchmark's documents, scaled to a length that they fill.
   *
   * @param seqlen rows of query and key
   * @return five documents
   */
  public static List<Document> documents(int seqlen) {
    return scaled(SAMPLE, seqlen);
  }

  /**
   * A mask by name, with given documents where it has documents.
   *
   * @param name one of {@link #names}
   * @param seqlen rows of query and key
   * @param heads how many heads choose for themselves where the mask has that (random-eviction)
   * @param documents together at most seqlen rows
   * @return the pattern
   * @throws RefusedException if there is none of that name, or the documents do not fit
   */
  public static FlashMaskPattern pattern(
      String name, int seqlen, int heads, List<Document> documents) {
    FlashMaskPatterns patterns = FlashMaskPatterns.of(seqlen);
    int[] lengths = documents.stream().mapToInt(Document::length).toArray();
    int window = seqlen / 16;
    return switch (name) {
      case "full" -> patterns.full();
      case "causal" -> patterns.causal();
      case "sliding-window" -> patterns.slidingWindow(Math.max(1, window));
      case "causal-document" -> patterns.causalDocument(lengths);
      case "document" -> patterns.document(lengths);
      case "share-question" -> patterns.shareQuestion(answers(lengths));
      case "global-sliding-window" ->
          patterns.globalSlidingWindow(globalTokens(seqlen), window, window);
      case "causal-blockwise" -> patterns.causalBlockwise(lengths);
      case "prefix-lm-document" -> patterns.prefixLmDocument(prefixes(documents));
      case "prefix-lm-causal" -> patterns.prefixLmCausal(seqlen / 2);
      case "qk-sparse" -> patterns.qkSparse(dropped(documents));
      case "random-eviction" -> patterns.randomEviction(heads, Math.max(1, seqlen / 2), SEED);
      case "hash-sparse" -> patterns.hashBuckets(buckets(seqlen), buckets(seqlen));
      case "causal-padded" -> patterns.causalPadded(seqlen - seqlen / 8);
      case "ernie-packed" ->
          patterns.erniePacked(Arrays.copyOf(lengths, Math.max(0, lengths.length - 1)));
      case "document-malformed" -> patterns.malformedDocument(lengths);
      default ->
          throw RefusedException.value("mask", "expected one of %s, got %s".formatted(ALL, name));
    };
  }

  /**
   * How many global tokens a sequence has: sixteen, but no more than an eighth of a short one.
   *
   * @param seqlen rows of query and key
   * @return at least 1
   */
  public static int globalTokens(int seqlen) {
    return Math.min(GLOBAL_TOKENS, Math.max(1, seqlen / 8));
  }

  /** The same documents in another length, which they fill as they filled theirs. */
  private static List<Document> scaled(List<Document> documents, int seqlen) {
    long total = documents.stream().mapToLong(Document::length).sum();
    long end = 0;
    List<Document> scaled = new ArrayList<>();
    for (Document document : documents) {
      int start = (int) (end * seqlen / total);
      end += document.length();
      int length = (int) (end * seqlen / total) - start;
      int prefix = (int) Math.min(length, (long) document.prefix() * seqlen / total);
      scaled.add(new Document(prefix, length, document.dropped()));
    }
    return scaled;
  }

  /**
   * Each document as one question and two to six answers: every part gets one row, the others go
   * one by one to a random part, so that parts are nearly equal.
   *
   * @param lengths of the documents
   * @return for each document the length of its question, then those of its answers
   */
  public static int[][] answers(int... lengths) {
    Random random = new Random(SEED);
    int[][] documents = new int[lengths.length][];
    for (int d = 0; d < lengths.length; d++) {
      int parts = Math.min(lengths[d], 3 + random.nextInt(5));
      documents[d] = new int[parts];
      Arrays.fill(documents[d], 1);
      for (int row = parts; row < lengths[d]; row++) {
        documents[d][random.nextInt(parts)]++;
      }
    }
    return documents;
  }

  private static int[][] prefixes(List<Document> documents) {
    return documents.stream().map(d -> new int[] {d.prefix(), d.length()}).toArray(int[][]::new);
  }

  /** First row and length of each dropped document. */
  private static int[][] dropped(List<Document> documents) {
    List<int[]> spans = new ArrayList<>();
    int start = 0;
    for (Document document : documents) {
      if (document.dropped()) {
        spans.add(new int[] {start, document.length()});
      }
      start += document.length();
    }
    return spans.toArray(int[][]::new);
  }

  /** Sixteen hash buckets of random sizes, sorted. */
  private static int[] buckets(int seqlen) {
    Random random = new Random(SEED);
    int[] buckets = new int[seqlen];
    Arrays.setAll(buckets, row -> random.nextInt(16));
    Arrays.sort(buckets);
    return buckets;
  }
}
