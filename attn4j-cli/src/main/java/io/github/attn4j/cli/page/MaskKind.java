package io.github.attn4j.cli.page;

import io.github.attn4j.cli.pattern.Patterns;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A mask that can be asked for by name.
 *
 * @param name its name
 * @param family whose it is: FlashMask's patterns or the core's own masks
 * @param says what it is, in a few words
 * @param oblong whether queries and keys may differ in number
 * @param parameters what it is made from beside its lengths
 */
record MaskKind(
    String name, String family, String says, boolean oblong, List<Parameter> parameters) {
  private static final String FLASHMASK = "FlashMask";
  private static final String CORE = "Core";

  private static final Parameter ALIGNMENT =
      new Parameter("alignment", "diagonal", "where it lies when lengths differ", alignments());

  private static final Map<String, Parameter> KNOWN =
      Map.of(
          "documents", new Parameter("documents", "documents", "their lengths: 20,28,16"),
          "window", new Parameter("window", "window", "keys that a query sees"),
          "prefix", new Parameter("prefix", "prefix", "keys that every query sees"),
          "global", new Parameter("global", "global tokens", "they see all and all see them"),
          "spans", new Parameter("spans", "dropped spans", "first row:length, such as 8:16,40:8"),
          "length", new Parameter("length", "real rows", "those behind are padding"),
          "start", new Parameter("start", "first eviction", "first row that drops a key"),
          "seed", new Parameter("seed", "seed", "of the random choice"));

  private static final Map<String, Parameter> SPECIAL =
      Map.of(
          "share-question",
          new Parameter("documents", "documents", "question+answer+answer: 10+8+8,12+14+12"),
          "prefix-lm-document",
          new Parameter("documents", "documents", "prefix:length, such as 8:24,6:40"),
          "global-sliding-window",
          new Parameter("window", "window", "keys before and after: 8,8"));

  /** Every mask there is, in the order in which to offer them. */
  static final List<MaskKind> ALL = all();

  /**
   * A parameter of a mask.
   *
   * @param name as descriptions spell it
   * @param label as people read it
   * @param hint what to write
   * @param choices what it can be; empty if it is a text
   */
  record Parameter(String name, String label, String hint, List<String> choices) {
    Parameter(String name, String label, String hint) {
      this(name, label, hint, List.of());
    }
  }

  private static List<String> alignments() {
    return List.of(CoreMasks.BOTTOM_RIGHT, CoreMasks.TOP_LEFT);
  }

  private static List<MaskKind> all() {
    List<MaskKind> kinds = new ArrayList<>();
    for (String name : Patterns.names()) {
      List<Parameter> parameters =
          name.equals("causal")
              ? List.of(ALIGNMENT)
              : Patterns.parameters(name).stream().map(each -> parameter(name, each)).toList();
      kinds.add(
          new MaskKind(name, FLASHMASK, Patterns.says(name), Patterns.oblong(name), parameters));
    }
    kinds.add(
        core(
            "window",
            "keys around the query's own place",
            new Parameter("left", "keys before", "a number, or open"),
            new Parameter("right", "keys after", "a number, or open"),
            ALIGNMENT));
    kinds.add(
        core("prefix", "causal behind keys that all see", parameter("", "prefix"), ALIGNMENT));
    kinds.add(
        core(
            "documents",
            "packed documents, of queries and keys",
            new Parameter("documents", "documents", "query rows of each: 20,28,16"),
            new Parameter("documentsK", "their keys", "key rows of each")));
    kinds.add(
        core(
            "columns",
            "FlashMask's own form: per key the rows that may not see it",
            new Parameter("causal", "causal", "", List.of("false", "true")),
            new Parameter(
                "startend_row_indices", "indices", "per key 1, 2 or 4 rows: 8:16,8:16,…")));
    return List.copyOf(kinds);
  }

  private static MaskKind core(String name, String says, Parameter... parameters) {
    return new MaskKind(name, CORE, says, true, List.of(parameters));
  }

  private static Parameter parameter(String mask, String name) {
    Parameter special = SPECIAL.get(mask);
    return special != null && special.name().equals(name)
        ? special
        : KNOWN.getOrDefault(name, new Parameter(name, name, ""));
  }

  /** Whether FlashMask's generators make it; the core makes the others itself. */
  boolean generated() {
    return family.equals(FLASHMASK) && !oblong;
  }
}
