package io.github.attn4j.cli.page;

import io.github.attn4j.Alignment;
import io.github.attn4j.DocumentMask;
import io.github.attn4j.Mask;
import io.github.attn4j.PrefixMask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import io.github.attn4j.WindowMask;
import io.github.attn4j.cli.pattern.Numbers;
import io.github.attn4j.cli.pattern.Patterns;
import io.github.attn4j.operators.FlashMaskPattern;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;

/** The core's own masks, from the parameters of a query. */
final class CoreMasks {
  static final String BOTTOM_RIGHT = "bottom-right";
  static final String TOP_LEFT = "top-left";

  private static final String OPEN = "open";

  private final MaskQuery query;
  private final Map<String, String> values;

  CoreMasks(MaskQuery query) {
    this.query = query;
    this.values = query.values();
  }

  /** What a parameter is when nobody says; the documents are the benchmark's. */
  static String absent(String mask, String parameter, int seqlenQ, int seqlenK) {
    return switch (parameter) {
      case "alignment" -> BOTTOM_RIGHT;
      case "left" -> "" + Math.max(1, seqlenK / 8);
      case "right" -> "0";
      case "prefix" -> "" + seqlenK / 4;
      case "causal" -> "false";
      case "documents" -> benchmark(seqlenQ);
      case "documentsK" -> benchmark(seqlenK);
      case "startend_row_indices" -> String.join(",", Collections.nCopies(seqlenK, "" + seqlenQ));
      default -> throw RefusedException.value(parameter, "expected a parameter of " + mask);
    };
  }

  private static String benchmark(int seqlen) {
    return Objects.requireNonNull(Patterns.explicit("document", seqlen, Map.of()).get("documents"));
  }

  private String value(String parameter) {
    return Objects.requireNonNull(values.get(parameter), parameter);
  }

  Mask make() {
    return switch (query.mask()) {
      case "full" -> Mask.full();
      case "causal" -> Mask.causal(alignment());
      case "window" -> new WindowMask(end("left"), end("right"), alignment());
      case "prefix" ->
          new PrefixMask(new int[] {Numbers.one("prefix", value("prefix"))}, alignment());
      case "documents" -> new DocumentMask(lengths("documents"), lengths("documentsK"));
      default -> columns().mask();
    };
  }

  private Alignment alignment() {
    return choice("alignment", BOTTOM_RIGHT, TOP_LEFT)
        ? Alignment.BOTTOM_RIGHT
        : Alignment.TOP_LEFT;
  }

  private boolean choice(String parameter, String yes, String no) {
    String value = value(parameter);
    if (!value.equals(yes) && !value.equals(no)) {
      throw RefusedException.value(
          parameter, "expected %s or %s, got '%s'".formatted(yes, no, MaskQuery.quoted(value)));
    }
    return value.equals(yes);
  }

  private int end(String parameter) {
    String value = value(parameter);
    return value.equals(OPEN) ? WindowMask.OPEN : Numbers.one(parameter, value);
  }

  private int[] lengths(String parameter) {
    return Numbers.list(parameter, value(parameter), ',');
  }

  /** FlashMask's own form: for each key one, two or four rows. */
  FlashMaskPattern columns() {
    boolean causal = choice("causal", "true", "false");
    int[][] rows = Numbers.lists("startend_row_indices", value("startend_row_indices"), ':');
    int columns = rows.length == 0 ? 1 : rows[0].length;
    boolean fits = columns == 1 || columns == 2 || columns == 4;
    if (!fits
        || rows.length != query.seqlenK()
        || Arrays.stream(rows).anyMatch(row -> row.length != columns)) {
      throw RefusedException.value(
          "startend_row_indices",
          "expected 1, 2 or 4 rows for each of %d keys, as many for all, got %d keys, the first of %d"
              .formatted(query.seqlenK(), rows.length, columns));
    }
    int[] flat = Arrays.stream(rows).flatMapToInt(Arrays::stream).toArray();
    return new FlashMaskPattern("columns", causal, Tensor.of(flat, 1, 1, rows.length, columns));
  }

  /** The mask as an expression of Java. */
  String java() {
    boolean usual = !values.containsKey("alignment") || alignment() == Alignment.BOTTOM_RIGHT;
    return switch (query.mask()) {
      case "full" -> "Mask.full()";
      case "causal" -> usual ? "Mask.causal()" : "Mask.causal(Alignment.TOP_LEFT)";
      case "window" ->
          usual
              ? "Mask.window(%s, %s)".formatted(javaEnd("left"), javaEnd("right"))
              : "new WindowMask(%s, %s, Alignment.TOP_LEFT)"
                  .formatted(javaEnd("left"), javaEnd("right"));
      case "prefix" ->
          usual
              ? "Mask.prefix(%s)".formatted(value("prefix"))
              : "new PrefixMask(new int[] {%s}, Alignment.TOP_LEFT)".formatted(value("prefix"));
      case "documents" ->
          value("documents").equals(value("documentsK"))
              ? "Mask.documents(%s)".formatted(JavaSnippet.spaced(value("documents")))
              : "new DocumentMask(new int[] {%s}, new int[] {%s})"
                  .formatted(
                      JavaSnippet.spaced(value("documents")),
                      JavaSnippet.spaced(value("documentsK")));
      default -> JavaSnippet.literal(columns()) + ".mask()";
    };
  }

  private String javaEnd(String parameter) {
    return value(parameter).equals(OPEN) ? "WindowMask.OPEN" : value(parameter);
  }
}
