package io.github.attn4j.cli.page;

import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a page has to know to offer every mask: its words, its parameters and a small picture. */
final class Gallery {
  /** Rows and keys of a small picture. */
  private static final int SIDE = 20;

  private Gallery() {}

  static List<Object> told() {
    List<Object> kinds = new ArrayList<>();
    for (MaskKind kind : MaskKind.ALL) {
      Map<String, Object> told = new LinkedHashMap<>();
      told.put("name", kind.name());
      told.put("family", kind.family());
      told.put("says", kind.says());
      told.put("oblong", kind.oblong());
      told.put("parameters", kind.parameters().stream().map(Gallery::told).toList());
      told.put("picture", picture(kind));
      kinds.add(told);
    }
    return kinds;
  }

  private static Map<String, Object> told(MaskKind.Parameter parameter) {
    return Map.of(
        "name", parameter.name(),
        "label", parameter.label(),
        "hint", parameter.hint(),
        "choices", parameter.choices());
  }

  /** One line per query, one digit per key: 1 is visible. */
  private static List<String> picture(MaskKind kind) {
    Mask mask = MaskQuery.of(Map.of("mask", kind.name(), "seqlenQ", (long) SIDE)).make();
    Extent extent = new Extent(SIDE, SIDE, 1);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < SIDE; i++) {
      StringBuilder line = new StringBuilder();
      for (int j = 0; j < SIDE; j++) {
        line.append(mask.allows(0, 0, i, j, extent) ? '1' : '0');
      }
      lines.add(line.toString());
    }
    return lines;
  }
}
