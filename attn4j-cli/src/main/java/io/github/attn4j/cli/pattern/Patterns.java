package io.github.attn4j.cli.pattern;

import static java.util.Map.entry;

import io.github.attn4j.RefusedException;
import io.github.attn4j.operators.FlashMaskBenchmark;
import io.github.attn4j.operators.FlashMaskBenchmark.Document;
import io.github.attn4j.operators.FlashMaskPattern;
import io.github.attn4j.operators.FlashMaskPatterns;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * FlashMask's patterns by name for any length, from parameters in the words of the command line;
 * what is not given follows FlashMask's own benchmark, scaled to the length ({@link
 * FlashMaskBenchmark}).
 *
 * <p>The parameters: {@code documents}, per document its length, {@code PREFIX:LENGTH} for
 * prefix-lm-document, {@code QUESTION+ANSWER+...} for share-question; {@code window}, the keys a
 * query sees, or {@code LEFT,RIGHT}; {@code prefix}, keys that all see; {@code global}, tokens that
 * see all and are seen by all; {@code spans}, per span {@code FIRST:LENGTH}; {@code length}, real
 * rows; {@code start}, the first row that evicts a key; {@code seed} of random choices.
 */
public final class Patterns {
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

  private static final Map<String, List<String>> PARAMETERS =
      Map.ofEntries(
          entry("sliding-window", List.of("window")),
          entry("causal-document", List.of("documents")),
          entry("document", List.of("documents")),
          entry("share-question", List.of("documents")),
          entry("global-sliding-window", List.of("window", "global")),
          entry("causal-blockwise", List.of("documents")),
          entry("prefix-lm-document", List.of("documents")),
          entry("prefix-lm-causal", List.of("prefix")),
          entry("qk-sparse", List.of("spans")),
          entry("random-eviction", List.of("start", "seed")),
          entry("causal-padded", List.of("length")),
          entry("ernie-packed", List.of("documents")),
          entry("document-malformed", List.of("documents")));

  private final String name;
  private final int seqlenQ;
  private final int seqlenK;
  private final Map<String, String> values;

  private Patterns(String name, int seqlenQ, int seqlenK, Map<String, String> given) {
    this.name = name;
    this.seqlenQ = seqlenQ;
    this.seqlenK = seqlenK;
    this.values = explicit(name, seqlenK, given);
  }

  /**
   * The twelve patterns of FlashMask's benchmark.
   *
   * @return names, in the order of the published tables
   */
  public static List<String> benchmark() {
    return FlashMaskBenchmark.published();
  }

  /**
   * Every pattern there is.
   *
   * @return names
   */
  public static List<String> names() {
    return FlashMaskBenchmark.names();
  }

  /**
   * A pattern in a few words.
   *
   * @param name the pattern
   * @return a line for people
   */
  public static String says(String name) {
    return SAYS.getOrDefault(name, "");
  }

  /**
   * What a pattern is made from beside its length.
   *
   * @param name the pattern
   * @return names of parameters; none for most that no number describes
   */
  public static List<String> parameters(String name) {
    return PARAMETERS.getOrDefault(name, List.of());
  }

  /**
   * Whether a pattern can have as many queries as it likes beside its keys.
   *
   * @param name the pattern
   * @return false if both lengths must be equal
   */
  public static boolean oblong(String name) {
    return name.equals("full") || name.equals("causal");
  }

  /**
   * Makes a pattern.
   *
   * @param name one of {@link #names}
   * @param seqlenQ query rows
   * @param seqlenK key rows; equal for all patterns but full and causal
   * @param heads masks to draw where each head has its own
   * @param given parameters by name
   * @return the pattern
   * @throws RefusedException naming what does not fit
   */
  public static FlashMaskPattern named(
      String name, int seqlenQ, int seqlenK, int heads, Map<String, String> given) {
    if (!names().contains(name)) {
      throw RefusedException.value(
          "mask", "expected one of %s, got %s".formatted(String.join(", ", names()), name));
    }
    if (seqlenQ != seqlenK && !oblong(name)) {
      throw RefusedException.value(
          "seqlenK",
          "expected as many keys as queries for the mask %s, %d, got %d"
              .formatted(name, seqlenQ, seqlenK));
    }
    return new Patterns(name, seqlenQ, seqlenK, given).make(heads);
  }

  /**
   * All parameters of a pattern, those that are not given as the benchmark has them.
   *
   * @param name the pattern
   * @param seqlen rows of query and key
   * @param given parameters by name
   * @return the same and the others, in the order of {@link #parameters}
   * @throws RefusedException naming a parameter that the pattern does not have
   */
  public static Map<String, String> explicit(String name, int seqlen, Map<String, String> given) {
    for (String parameter : given.keySet()) {
      if (!parameters(name).contains(parameter)) {
        throw RefusedException.value(
            parameter,
            "expected parameters of %s, %s, got another".formatted(name, parameters(name)));
      }
    }
    Map<String, String> all = new LinkedHashMap<>();
    for (String parameter : parameters(name)) {
      String value = given.get(parameter);
      all.put(parameter, value == null ? published(name, parameter, seqlen) : value);
    }
    return all;
  }

  private static String published(String name, String parameter, int seqlen) {
    int window = seqlen / 16;
    return switch (parameter) {
      case "documents" -> documents(name, FlashMaskBenchmark.documents(seqlen));
      case "spans" -> spans(FlashMaskBenchmark.documents(seqlen));
      case "window" ->
          name.equals("sliding-window") ? "" + Math.max(1, window) : window + "," + window;
      case "global" -> "" + FlashMaskBenchmark.globalTokens(seqlen);
      case "prefix" -> "" + seqlen / 2;
      case "length" -> "" + (seqlen - seqlen / 8);
      case "start" -> "" + Math.max(1, seqlen / 2);
      default -> "1";
    };
  }

  private static String documents(String name, List<Document> documents) {
    int[] lengths = documents.stream().mapToInt(Document::length).toArray();
    return switch (name) {
      case "share-question" -> text(FlashMaskBenchmark.answers(lengths), "+");
      case "prefix-lm-document" ->
          documents.stream()
              .map(document -> document.prefix() + ":" + document.length())
              .collect(Collectors.joining(","));
      // The last one becomes the padding.
      case "ernie-packed" -> text(parts(Arrays.copyOf(lengths, lengths.length - 1)), "+");
      default -> text(parts(lengths), "+");
    };
  }

  private static int[][] parts(int[] lengths) {
    return Arrays.stream(lengths).mapToObj(length -> new int[] {length}).toArray(int[][]::new);
  }

  private static String text(int[][] parts, String separator) {
    return Arrays.stream(parts).map(part -> text(part, separator)).collect(Collectors.joining(","));
  }

  /** A document of no parts is one of no rows. */
  private static String text(int[] part, String separator) {
    return part.length == 0
        ? "0"
        : Arrays.stream(part).mapToObj(Integer::toString).collect(Collectors.joining(separator));
  }

  private static String spans(List<Document> documents) {
    StringBuilder spans = new StringBuilder();
    int start = 0;
    for (Document document : documents) {
      if (document.dropped()) {
        spans.append(spans.isEmpty() ? "" : ",").append(start).append(':');
        spans.append(document.length());
      }
      start += document.length();
    }
    return spans.toString();
  }

  private FlashMaskPattern make(int heads) {
    FlashMaskPatterns patterns = FlashMaskPatterns.of(seqlenQ, seqlenK);
    return switch (name) {
      case "full" -> patterns.full();
      case "causal" -> patterns.causal();
      case "sliding-window" -> patterns.slidingWindow(number("window"));
      case "causal-document" -> patterns.causalDocument(lengths());
      case "document" -> patterns.document(lengths());
      case "share-question" -> patterns.shareQuestion(lists("documents", '+'));
      case "global-sliding-window" -> {
        int[] sides = sides();
        yield patterns.globalSlidingWindow(number("global"), sides[0], sides[sides.length - 1]);
      }
      case "causal-blockwise" -> patterns.causalBlockwise(lengths());
      case "prefix-lm-document" ->
          patterns.prefixLmDocument(
              Arrays.stream(lists("documents", ':'))
                  .map(part -> part.length == 1 ? new int[] {0, part[0]} : part)
                  .toArray(int[][]::new));
      case "prefix-lm-causal" -> patterns.prefixLmCausal(number("prefix"));
      case "qk-sparse" -> patterns.qkSparse(lists("spans", ':'));
      case "random-eviction" -> {
        int start = number("start");
        if (start < 1) {
          throw RefusedException.value("start", "expected at least row 1, got " + start);
        }
        yield patterns.randomEviction(heads, start, Numbers.wide("seed", value("seed")));
      }
      case "causal-padded" -> patterns.causalPadded(number("length"));
      case "ernie-packed" -> patterns.erniePacked(lengths());
      case "document-malformed" -> patterns.malformedDocument(lengths());
      default -> FlashMaskBenchmark.pattern(name, seqlenK, heads);
    };
  }

  private String value(String parameter) {
    return Objects.requireNonNull(values.get(parameter), parameter);
  }

  private int number(String parameter) {
    return Numbers.one(parameter, value(parameter));
  }

  private int[] lengths() {
    return Numbers.list("documents", value("documents"), ',');
  }

  private int[][] lists(String parameter, char separator) {
    return Numbers.lists(parameter, value(parameter), separator);
  }

  /** One number for both sides, or one for each. */
  private int[] sides() {
    int[] sides = Numbers.list("window", value("window"), ',');
    if (sides.length < 1 || sides.length > 2) {
      throw RefusedException.value(
          "window", "expected one or two numbers, got " + Arrays.toString(sides));
    }
    return sides;
  }
}
