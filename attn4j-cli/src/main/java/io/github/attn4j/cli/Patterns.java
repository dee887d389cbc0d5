package io.github.attn4j.cli;

import static java.util.Map.entry;

import io.github.attn4j.operators.FlashMaskBenchmark;
import io.github.attn4j.operators.FlashMaskBenchmark.Document;
import io.github.attn4j.operators.FlashMaskPattern;
import io.github.attn4j.operators.FlashMaskPatterns;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * FlashMask's patterns by name for any length, from what the command line gives; what it does not
 * give follows FlashMask's own benchmark, scaled to the length ({@link FlashMaskBenchmark}).
 *
 * @param name the pattern
 * @param seqlenQ query rows
 * @param seqlenK key rows; equal for all patterns but full and causal
 * @param heads masks to draw where each head has its own
 * @param options what is given
 */
record Patterns(String name, int seqlenQ, int seqlenK, int heads, Options options) {
  private static final Map<String, String> SAYS =
      Map.ofEntries(
          entry("full", "every query sees every key"),
          entry("causal", "a query sees itself and its past"),
          entry("sliding-window", "the last keys only"),
          entry("causal-document", "packed documents, each causal"),
          entry("document", "packed documents, seen in both directions"),
          entry("share-question", "answers see their question and themselves"),
          entry("global-sliding-window", "a window in both directions, and tokens that see all"),
          entry("causal-blockwise", "documents, and a last one that sees them all"),
          entry("prefix-lm-document", "documents, each with a prefix that all of it sees"),
          entry("prefix-lm-causal", "causal behind a prefix that all see"),
          entry("qk-sparse", "causal without some spans"),
          entry("random-eviction", "a full cache drops keys, per head"),
          entry("causal-padded", "causal, the last rows are padding"),
          entry("hash-sparse", "queries and keys of one hash bucket"),
          entry("ernie-packed", "packed documents, each causal, padding behind them"),
          entry("document-malformed", "the document mask of the published figures, with its slip"));

  /** The twelve patterns of FlashMask's benchmark. */
  static List<String> benchmark() {
    return FlashMaskBenchmark.published();
  }

  /** A pattern in a few words. */
  static String says(String name) {
    return SAYS.getOrDefault(name, "");
  }

  static List<String> names() {
    return FlashMaskBenchmark.names();
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
    if (!names().contains(name)) {
      throw new IllegalArgumentException(
          "expected one of the masks %s, got %s".formatted(String.join(", ", names()), name));
    }
    if (seqlenQ != seqlenK && !name.equals("full") && !name.equals("causal")) {
      throw new IllegalArgumentException(
          "expected equal lengths of query and key for the mask %s, got %d and %d"
              .formatted(name, seqlenQ, seqlenK));
    }
    return new Patterns(name, seqlenQ, seqlenK, heads, options).make();
  }

  private FlashMaskPattern make() {
    FlashMaskPatterns patterns = FlashMaskPatterns.of(seqlenQ, seqlenK);
    FlashMaskPattern given =
        switch (name) {
          case "full" -> patterns.full();
          case "causal" -> patterns.causal();
          case "sliding-window" ->
              options.window == null ? null : patterns.slidingWindow(options.window.getFirst());
          case "global-sliding-window" -> globalSlidingWindow(patterns);
          case "prefix-lm-causal" ->
              options.prefix == null ? null : patterns.prefixLmCausal(options.prefix);
          case "causal-padded" ->
              options.length == null ? null : patterns.causalPadded(options.length);
          case "qk-sparse" ->
              options.spans == null ? null : patterns.qkSparse(parts(options.spans, ":"));
          case "random-eviction" ->
              patterns.randomEviction(
                  heads,
                  options.start == null ? Math.max(1, seqlenK / 2) : options.start,
                  options.seed);
          case "share-question" ->
              options.documents == null
                  ? null
                  : patterns.shareQuestion(parts(options.documents, "\\+"));
          default -> null;
        };
    if (given != null) {
      return given;
    }
    return options.documents == null
        ? FlashMaskBenchmark.pattern(name, seqlenK, heads)
        : FlashMaskBenchmark.pattern(name, seqlenK, heads, documents(options.documents));
  }

  private @Nullable FlashMaskPattern globalSlidingWindow(FlashMaskPatterns patterns) {
    List<Integer> window = options.window;
    if (window == null && options.global == null) {
      return null;
    }
    int side = seqlenK / 16;
    return patterns.globalSlidingWindow(
        options.global == null ? 16 : options.global,
        window == null ? side : window.getFirst(),
        window == null ? side : window.getLast());
  }

  /** Lengths, "prefix:length", or a question and its answers joined by "+". */
  private static List<Document> documents(List<String> given) {
    List<Document> documents = new ArrayList<>();
    for (String text : given) {
      int[] numbers = integers(text.replace('+', ':'), ":");
      boolean prefixed = text.indexOf('+') < 0 && numbers.length == 2;
      documents.add(
          prefixed
              ? new Document(numbers[0], numbers[1], false)
              : new Document(0, Arrays.stream(numbers).sum(), false));
    }
    return documents;
  }

  private static int[][] parts(List<String> given, String separator) {
    return given.stream().map(text -> integers(text, separator)).toArray(int[][]::new);
  }

  private static int[] integers(String text, String separator) {
    try {
      return Arrays.stream(text.split(separator, -1)).mapToInt(Integer::parseInt).toArray();
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "expected numbers as the help explains, got '%s'".formatted(text), e);
    }
  }
}
