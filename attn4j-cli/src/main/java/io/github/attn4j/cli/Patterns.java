package io.github.attn4j.cli;

import io.github.attn4j.operators.FlashMaskPattern;
import io.github.attn4j.operators.FlashMaskPatterns;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * FlashMask's patterns by name for any length. What is not given follows FlashMask's own benchmark,
 * scaled to the length: one of its document samples, a window of a sixteenth, a prefix of half.
 *
 * @param seqlenQ query rows
 * @param seqlenK key rows; equal for all patterns but full and causal
 * @param heads masks to draw where each head has its own
 * @param options what is given
 */
record Patterns(int seqlenQ, int seqlenK, int heads, Options options) {
  /** The length that the benchmark's numbers are for. */
  private static final int BENCHMARK = 8192;

  /** (prefix, length) of each document: the benchmark's second sample of that length. */
  private static final int[][] DOCUMENTS = {{321, 2481}, {245, 1388}, {428, 1978}, {357, 2345}};

  /** (first row, length) of the spans that the benchmark's QK-sparse mask drops. */
  private static final int[][] SPANS = {{1024, 538}, {2358, 1700}};

  /** Answers of each shared question, dealt to the documents in turn. */
  private static final int[] ANSWERS = {3, 2, 4, 5};

  private record Entry(String says, Function<Patterns, FlashMaskPattern> maker) {}

  private static final Map<String, Entry> ALL = new LinkedHashMap<>();

  private static void put(String name, String says, Function<Patterns, FlashMaskPattern> maker) {
    ALL.put(name, new Entry(says, maker));
  }

  static {
    put("full", "every query sees every key", p -> p.make().full());
    put("causal", "a query sees itself and its past", p -> p.make().causal());
    put("sliding-window", "the last keys only", p -> p.make().slidingWindow(p.window(0)));
    put(
        "causal-document",
        "packed documents, each causal",
        p -> p.make().causalDocument(p.lengths()));
    put(
        "document",
        "packed documents, seen in both directions",
        p -> p.make().document(p.lengths()));
    put(
        "share-question",
        "answers see their question and themselves",
        p -> p.make().shareQuestion(p.questions()));
    put(
        "global-sliding-window",
        "a window in both directions, and tokens that see all",
        p -> p.make().globalSlidingWindow(p.global(), p.window(0), p.window(1)));
    put(
        "causal-blockwise",
        "documents, and a last one that sees them all",
        p -> p.make().causalBlockwise(p.lengths()));
    put(
        "prefix-lm-document",
        "documents, each with a prefix that all of it sees",
        p -> p.make().prefixLmDocument(p.prefixed()));
    put(
        "prefix-lm-causal",
        "causal behind a prefix that all see",
        p -> p.make().prefixLmCausal(p.or(p.options.prefix, p.seqlenK / 2)));
    put("qk-sparse", "causal without some spans", p -> p.make().qkSparse(p.spans()));
    put("random-eviction", "a full cache drops keys, per head", Patterns::eviction);
    put(
        "causal-padded",
        "causal, the last rows are padding",
        p -> p.make().causalPadded(p.or(p.options.length, p.seqlenK * 4 / 5)));
    put("hash-sparse", "queries and keys of one hash bucket", Patterns::hashSparse);
  }

  /** The twelve patterns of FlashMask's benchmark. */
  static List<String> benchmark() {
    return ALL.keySet().stream().limit(12).toList();
  }

  /** A pattern in a few words. */
  static String says(String name) {
    Entry entry = ALL.get(name);
    return entry == null ? "" : entry.says;
  }

  static Set<String> names() {
    return ALL.keySet();
  }

  /**
   * What a pattern is made from; null for the default.
   *
   * @param documents per document its length; a prefix and ":" may stand before it; a question's
   *     length and those of its answers are joined by "+"
   * @param window keys before the query's place, and after it
   * @param prefix keys that all see
   * @param global tokens that see all and are seen by all
   * @param spans per span "first:length"
   * @param length real rows of a padded sequence
   * @param start first row that evicts a key
   * @param seed of random choices
   */
  record Options(
      @Nullable List<String> documents,
      @Nullable List<Integer> window,
      @Nullable Integer prefix,
      @Nullable Integer global,
      @Nullable List<String> spans,
      @Nullable Integer length,
      @Nullable Integer start,
      long seed) {
    static Options defaults() {
      return new Options(null, null, null, null, null, null, null, 1);
    }
  }

  /**
   * Makes a pattern.
   *
   * @throws IllegalArgumentException with a line for the user
   */
  static FlashMaskPattern named(String name, int seqlenQ, int seqlenK, int heads, Options options) {
    Entry entry = ALL.get(name);
    if (entry == null) {
      throw new IllegalArgumentException(
          "expected one of the masks %s, got %s".formatted(String.join(", ", names()), name));
    }
    if (seqlenQ != seqlenK && !name.equals("full") && !name.equals("causal")) {
      throw new IllegalArgumentException(
          "expected equal lengths of query and key for the mask %s, got %d and %d"
              .formatted(name, seqlenQ, seqlenK));
    }
    return entry.maker.apply(new Patterns(seqlenQ, seqlenK, heads, options));
  }

  private FlashMaskPatterns make() {
    return FlashMaskPatterns.of(seqlenQ, seqlenK);
  }

  private int or(@Nullable Integer given, int otherwise) {
    return given == null ? otherwise : given;
  }

  private int window(int side) {
    List<Integer> given = options.window;
    return given == null ? Math.max(1, seqlenK / 16) : given.get(Math.min(side, given.size() - 1));
  }

  private int global() {
    return or(options.global, Math.min(16, Math.max(1, seqlenK / 8)));
  }

  private int scale(long of) {
    return (int) (of * seqlenK / BENCHMARK);
  }

  /** Boundaries are scaled, not lengths, so that the documents fill the sequence. */
  private int[][] scaledDocuments() {
    int[][] documents = new int[DOCUMENTS.length][];
    long end = 0;
    for (int d = 0; d < documents.length; d++) {
      int begin = scale(end);
      end += DOCUMENTS[d][1];
      int length = scale(end) - begin;
      documents[d] = new int[] {Math.min(length, scale(DOCUMENTS[d][0])), length};
    }
    return documents;
  }

  private int[] lengths() {
    return Arrays.stream(prefixed()).mapToInt(document -> document[1]).toArray();
  }

  private int[][] prefixed() {
    List<String> given = options.documents;
    if (given == null) {
      return scaledDocuments();
    }
    return given.stream()
        .map(text -> {
          int[] numbers = integers(text.replace('+', ':'), ":");
          boolean parts = text.indexOf('+') >= 0;
          return parts || numbers.length == 1
              ? new int[] {0, Arrays.stream(numbers).sum()}
              : numbers;
        })
        .toArray(int[][]::new);
  }

  /** A question and its answers, nearly equal in length. */
  private int[][] questions() {
    List<String> given = options.documents;
    if (given != null) {
      return given.stream().map(text -> integers(text, "\\+")).toArray(int[][]::new);
    }
    int[] lengths = lengths();
    int[][] documents = new int[lengths.length][];
    for (int d = 0; d < lengths.length; d++) {
      int parts = 1 + ANSWERS[d % ANSWERS.length];
      documents[d] = new int[parts];
      for (int part = 0; part < parts; part++) {
        documents[d][part] = lengths[d] * (part + 1) / parts - lengths[d] * part / parts;
      }
    }
    return documents;
  }

  private int[][] spans() {
    List<String> given = options.spans;
    return given == null
        ? Arrays.stream(SPANS)
            .map(span -> new int[] {scale(span[0]), scale(span[1])})
            .toArray(int[][]::new)
        : given.stream().map(text -> integers(text, ":")).toArray(int[][]::new);
  }

  private static int[] integers(String text, String separator) {
    try {
      return Arrays.stream(text.split(separator, -1)).mapToInt(Integer::parseInt).toArray();
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "expected numbers as the help explains, got '%s'".formatted(text), e);
    }
  }

  private FlashMaskPattern eviction() {
    int start = or(options.start, Math.max(1, seqlenK / 2));
    return make().randomEviction(heads, start, options.seed);
  }

  /** Queries and keys sorted by a hash of eight values. */
  private FlashMaskPattern hashSparse() {
    Random random = new Random(options.seed);
    List<int[]> buckets = new ArrayList<>();
    for (int side = 0; side < 2; side++) {
      int[] side8 = random.ints(seqlenK, 0, 8).sorted().toArray();
      buckets.add(side8);
    }
    return make().hashBuckets(buckets.get(0), buckets.get(1));
  }
}
