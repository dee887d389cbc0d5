package io.github.attn4j.cli.page;

import io.github.attn4j.Tensor;
import io.github.attn4j.operators.FlashMaskPattern;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A mask as a class of Java that compiles: for the core, and as the FlashMask operator takes it.
 */
final class JavaSnippet {
  /** A longer array would not fit into a method. */
  private static final int LONGEST_LITERAL = 4096;

  private static final int NUMBERS_PER_LINE = 16;

  private final StringBuilder body = new StringBuilder();
  private final Set<String> imports = new TreeSet<>();

  private JavaSnippet() {}

  /** The class that makes the mask of a query; its form serves where no generator makes it. */
  static String of(MaskQuery query, @Nullable ColumnForm form) {
    JavaSnippet snippet = new JavaSnippet();
    MaskQuery and = query.and();
    String mask = expression(query);
    boolean generated = query.kind().generated() && and == null;
    snippet.method(
        "For attn4j's own calls.",
        "Mask mask()",
        and == null ? mask : mask + "\n        .and(" + expression(and) + ")");
    if (generated) {
      snippet.flashmask(generator(query));
    } else {
      snippet.flashmask(form, query.title());
    }
    return snippet.text(
        "%s, %d queries and %d keys".formatted(query.title(), query.seqlenQ(), query.seqlenK()));
  }

  /** The class that makes one mask of a capture, whatever it was made from. */
  static String of(String title, @Nullable ColumnForm form) {
    JavaSnippet snippet = new JavaSnippet();
    if (form != null && literalFits(form)) {
      snippet.method("For attn4j's own calls.", "Mask mask()", "pattern().mask()");
    }
    snippet.flashmask(form, title);
    return snippet.text(title);
  }

  private static boolean literalFits(ColumnForm form) {
    return form.bytes() / Integer.BYTES <= LONGEST_LITERAL;
  }

  private void flashmask(@Nullable ColumnForm form, String title) {
    if (form == null) {
      body.append(
          "\n  // No FlashMask form: some key has more masked intervals than it can say.\n");
    } else if (!literalFits(form)) {
      body.append(
          "\n  // FlashMask form: %d numbers per key, causal(%s); too many to be written down here.\n"
              .formatted(form.names().size(), form.causal()));
    } else {
      flashmask(literal(form.pattern(title)));
    }
  }

  private void flashmask(String pattern) {
    method(
        "As flashmask_attention takes it: causal and startend_row_indices.",
        "FlashMaskPattern pattern()",
        pattern);
    method(
        "A call with this mask; the tensors are (batch, rows, heads, columns).",
        "FlashmaskAttention call(Tensor query, Tensor key, Tensor value)",
        "pattern().applyTo(FlashmaskAttention.of(query, key, value))");
  }

  private void method(String says, String signature, String expression) {
    body.append(
        """

          /** %s */
          static %s {
            return %s;
          }
        """
            .formatted(says, signature, expression));
  }

  private String text(String title) {
    String code = body.toString();
    for (Map.Entry<String, String> each : PACKAGES.entrySet()) {
      if (code.matches("(?s).*\\b" + each.getKey() + "\\b.*")) {
        imports.add("import " + each.getValue() + "." + each.getKey() + ";\n");
      }
    }
    return "%s%s/** %s. */\nfinal class CopiedMask {\n%s}\n"
        .formatted(
            String.join("", imports),
            imports.isEmpty() ? "" : "\n",
            title,
            code.replaceFirst("^\n", ""));
  }

  private static final String CORE = "io.github.attn4j";
  private static final String OPERATORS = "io.github.attn4j.operators";

  private static final Map<String, String> PACKAGES =
      Map.of(
          "Alignment", CORE,
          "DocumentMask", CORE,
          "Mask", CORE,
          "PrefixMask", CORE,
          "Tensor", CORE,
          "WindowMask", CORE,
          "FlashMaskBenchmark", OPERATORS,
          "FlashMaskPattern", OPERATORS,
          "FlashMaskPatterns", OPERATORS,
          "FlashmaskAttention", OPERATORS);

  private static String expression(MaskQuery query) {
    return query.kind().generated() ? generator(query) + ".mask()" : new CoreMasks(query).java();
  }

  /** The call of {@code FlashMaskPatterns} that makes a pattern. */
  private static String generator(MaskQuery query) {
    String name = query.mask();
    String arguments =
        switch (name) {
          case "share-question" -> arrays(value(query, "documents"));
          case "prefix-lm-document" ->
              Arrays.stream(value(query, "documents").split(",", -1))
                  .map(each -> each.contains(":") || each.isEmpty() ? each : "0:" + each)
                  .collect(
                      Collectors.collectingAndThen(Collectors.joining(","), JavaSnippet::arrays));
          case "qk-sparse" -> arrays(value(query, "spans"));
          case "global-sliding-window" -> {
            String window = value(query, "window");
            yield value(query, "global")
                + ", "
                + spaced(window.contains(",") ? window : window + "," + window);
          }
          case "random-eviction" ->
              "1, %s, %sL".formatted(value(query, "start"), value(query, "seed"));
          default -> spaced(String.join(",", query.values().values()));
        };
    String method = METHODS.getOrDefault(name, camel(name));
    return name.equals("hash-sparse")
        ? "FlashMaskBenchmark.pattern(\"hash-sparse\", %d, 1)".formatted(query.seqlenQ())
        : "FlashMaskPatterns.of(%d).%s(%s)".formatted(query.seqlenQ(), method, arguments);
  }

  private static final Map<String, String> METHODS =
      Map.of("document-malformed", "malformedDocument");

  private static String value(MaskQuery query, String parameter) {
    return Objects.requireNonNull(query.values().get(parameter), parameter);
  }

  /** {@code causal-document} as {@code causalDocument}. */
  private static String camel(String name) {
    StringBuilder camel = new StringBuilder();
    for (String word : name.split("-", -1)) {
      camel.append(
          camel.isEmpty() ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
    }
    return camel.toString();
  }

  /** {@code 2:3,1:2} as arrays. */
  private static String arrays(String lists) {
    return lists.isEmpty()
        ? ""
        : Arrays.stream(lists.split(",", -1))
            .map(each -> "new int[] {" + each.replaceAll("[:+]", ", ") + "}")
            .collect(Collectors.joining(", "));
  }

  static String spaced(String list) {
    return list.replace(",", ", ");
  }

  /** A pattern as the constructor's call. */
  static String literal(FlashMaskPattern pattern) {
    Tensor indices = pattern.startendRowIndices();
    if (indices == null) {
      return "new FlashMaskPattern(\"%s\", %s, null)".formatted(pattern.name(), pattern.causal());
    }
    StringBuilder numbers = new StringBuilder();
    long columns = indices.dim(3);
    for (long n = 0; n < indices.elements(); n++) {
      numbers.append(n == 0 ? "" : n % NUMBERS_PER_LINE == 0 ? ",\n            " : ", ");
      numbers.append(indices.getLong(0, 0, n / columns, n % columns));
    }
    return """
    new FlashMaskPattern(
            "%s",
            %s,
            Tensor.of(
                new int[] {
                %s
                },
                1, 1, %d, %d))\
    """
        .formatted(pattern.name(), pattern.causal(), numbers, indices.dim(2), columns);
  }
}
