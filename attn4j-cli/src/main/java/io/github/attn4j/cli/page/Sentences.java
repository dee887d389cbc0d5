package io.github.attn4j.cli.page;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sentences about elements, with places for numbers: <code>{i}</code> and <code>{j}</code> are the
 * query and the key, <code>{q.NAME}</code> is a number of the query's row and <code>{k.NAME}</code>
 * one of the key. So a few sentences and a few numbers per row and key explain every element.
 */
final class Sentences {
  private static final Pattern PLACE = Pattern.compile("\\{(?:(i|j)|([qk])\\.(\\w+))}");

  private final List<String> templates = new ArrayList<>();
  private final Map<String, int[]> rows = new LinkedHashMap<>();
  private final Map<String, int[]> keys = new LinkedHashMap<>();

  /** Keeps a sentence and returns its number. */
  int add(String template) {
    templates.add(template);
    return templates.size() - 1;
  }

  /** Keeps a number for every query row and returns its place in a sentence. */
  String row(String name, int[] values) {
    return "{q." + keep(rows, name, values) + "}";
  }

  /** Keeps a number for every key and returns its place in a sentence. */
  String key(String name, int[] values) {
    return "{k." + keep(keys, name, values) + "}";
  }

  private static String keep(Map<String, int[]> numbers, String name, int[] values) {
    String unique = name + numbers.size();
    numbers.put(unique, values);
    return unique;
  }

  int count() {
    return templates.size();
  }

  List<String> templates() {
    return templates;
  }

  Map<String, int[]> rows() {
    return rows;
  }

  Map<String, int[]> keys() {
    return keys;
  }

  /** A sentence about one element. */
  String fill(int sentence, int i, int j) {
    return PLACE
        .matcher(templates.get(sentence))
        .replaceAll(place -> Matcher.quoteReplacement("" + number(place, i, j)));
  }

  private int number(MatchResult place, int i, int j) {
    if (place.group(1) != null) {
      return place.group(1).equals("i") ? i : j;
    }
    boolean row = place.group(2).equals("q");
    int[] numbers = Objects.requireNonNull((row ? rows : keys).get(place.group(3)));
    return numbers[row ? i : j];
  }
}
