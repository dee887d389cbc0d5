package io.github.attn4j.cli.page;

import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.cli.capture.Json;
import io.github.attn4j.cli.pattern.Numbers;
import io.github.attn4j.cli.pattern.Patterns;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A mask in words: its name, its lengths, its parameters, and perhaps a second mask that must allow
 * an element too. As JSON:
 *
 * <pre>{@code
 * {"mask": "window", "seqlenQ": 64, "seqlenK": 64, "left": "8", "right": "0", "alignment": "bottom-right",
 *  "and": {"mask": "documents", "documents": "20,28,16", "documentsK": "20,28,16"}}
 * }</pre>
 *
 * <p>Whoever writes it, nothing in it is believed before it is checked; what is absent has the
 * default of the length.
 *
 * @param mask the name
 * @param seqlenQ query rows
 * @param seqlenK key rows
 * @param values every parameter of the mask, in order
 * @param and the second mask, or null
 */
public record MaskQuery(
    String mask, int seqlenQ, int seqlenK, Map<String, String> values, @Nullable MaskQuery and) {
  /** Longer masks are neither drawn nor counted. */
  static final int LONGEST = 1 << 20;

  /**
   * Blanks beside separators, and zeros before a number: Java would read those as octal. Blanks
   * between digits stay, to be refused.
   */
  private static final Pattern IDLE =
      Pattern.compile("(?<=[,:+])\\s+|(?<!\\s)\\s+(?=[,:+])|(?<![0-9])0+(?=[0-9])");

  private static final int QUOTED = 40;
  private static final int DEFAULT_LENGTH = 128;

  /**
   * Reads a description.
   *
   * @param json one JSON object
   * @return the mask it describes
   * @throws RefusedException naming what does not fit
   */
  public static MaskQuery read(String json) {
    return of(object(json));
  }

  static Map<String, @Nullable Object> object(String json) {
    try {
      return Json.object(json);
    } catch (IOException e) {
      throw RefusedException.value("json", "expected one JSON object, got: " + Json.problem(e));
    }
  }

  /**
   * Checks a description.
   *
   * @param description names and values, as JSON has them
   * @return the mask
   * @throws RefusedException naming what does not fit
   */
  public static MaskQuery of(Map<String, ? extends @Nullable Object> description) {
    int seqlenQ = length(description, "seqlenQ", DEFAULT_LENGTH);
    int seqlenK = length(description, "seqlenK", seqlenQ);
    MaskQuery query = of(description, seqlenQ, seqlenK, true);
    try {
      query.make().check(0, query.extent(), query.extent());
    } catch (RefusedException e) {
      // Documents are all that can be longer than the sequence; the core calls them the mask's.
      throw e.argument().equals("mask") ? e.as("documents") : e;
    }
    return query;
  }

  private static MaskQuery of(
      Map<String, ? extends @Nullable Object> description,
      int seqlenQ,
      int seqlenK,
      boolean first) {
    String name = text("mask", description.get("mask"));
    MaskKind kind =
        MaskKind.ALL.stream()
            .filter(each -> each.name().equals(name))
            .findFirst()
            .orElseThrow(() ->
                RefusedException.value(
                    "mask",
                    "expected one of %s, got '%s'"
                        .formatted(
                            MaskKind.ALL.stream()
                                .map(MaskKind::name)
                                .collect(Collectors.joining(", ")),
                            quoted(name))));
    Map<String, String> given = new LinkedHashMap<>();
    MaskQuery and = null;
    for (Map.Entry<String, ? extends @Nullable Object> entry : description.entrySet()) {
      Object value = entry.getValue();
      switch (entry.getKey()) {
        case "mask" -> {}
        case "seqlenQ", "seqlenK" -> refuseInside(first, entry.getKey());
        case "and" -> {
          refuseInside(first, "and");
          and = value == null ? null : of(inner(value), seqlenQ, seqlenK, false);
        }
        default -> {
          if (value != null) {
            given.put(parameter(kind, entry.getKey()), text(entry.getKey(), value));
          }
        }
      }
    }
    return new MaskQuery(name, seqlenQ, seqlenK, complete(kind, seqlenQ, seqlenK, given), and);
  }

  /** The second mask has the lengths of the first, and no third. */
  private static void refuseInside(boolean first, String key) {
    if (!first) {
      throw RefusedException.value(key, "expected it outside of \"and\", got it inside");
    }
  }

  private static Map<String, @Nullable Object> inner(Object value) {
    if (!(value instanceof Map<?, ?> map)) {
      throw RefusedException.type(
          "and", "expected a JSON object, got " + quoted(Json.write(value)));
    }
    Map<String, @Nullable Object> inner = new LinkedHashMap<>();
    map.forEach((key, each) -> inner.put(String.valueOf(key), each));
    return inner;
  }

  private static String parameter(MaskKind kind, String name) {
    List<String> names = kind.parameters().stream().map(MaskKind.Parameter::name).toList();
    if (!names.contains(name)) {
      throw RefusedException.value(
          quoted(name), "expected parameters of %s, %s, got another".formatted(kind.name(), names));
    }
    return name;
  }

  private static Map<String, String> complete(
      MaskKind kind, int seqlenQ, int seqlenK, Map<String, String> given) {
    if (kind.generated()) {
      return Patterns.explicit(kind.name(), seqlenK, given);
    }
    Map<String, String> all = new LinkedHashMap<>();
    for (MaskKind.Parameter parameter : kind.parameters()) {
      String name = parameter.name();
      String value = given.get(name);
      if (value == null && name.equals("documentsK") && given.containsKey("documents")) {
        value = given.get("documents");
      }
      all.put(name, value == null ? CoreMasks.absent(kind.name(), name, seqlenQ, seqlenK) : value);
    }
    return all;
  }

  private static int length(
      Map<String, ? extends @Nullable Object> description, String name, int absent) {
    Object value = description.get(name);
    if (value == null) {
      return absent;
    }
    long length = Numbers.wide(name, text(name, value));
    if (length < 1 || length > LONGEST) {
      throw RefusedException.value(
          name, "expected 1 to %d rows, got %d".formatted(LONGEST, length));
    }
    return (int) length;
  }

  /**
   * A value as people write it: numbers in digits, lists with commas, lists in lists with colons.
   */
  private static String text(String name, @Nullable Object value) {
    return switch (value) {
      case null -> throw RefusedException.type(name, "expected a value, got none");
      case String string -> IDLE.matcher(string.strip()).replaceAll("");
      case Long number -> "" + number;
      case Boolean bool -> "" + bool;
      case List<?> list ->
          list.stream()
              .map(each -> each instanceof List<?> part ? joined(name, part) : text(name, each))
              .collect(Collectors.joining(","));
      default ->
          throw RefusedException.type(
              name, "expected a text or a whole number, got " + quoted(Json.write(value)));
    };
  }

  private static String joined(String name, List<?> part) {
    return part.stream().map(each -> text(name, each)).collect(Collectors.joining(":"));
  }

  /** A stranger's words, short enough to be said back. */
  static String quoted(String text) {
    return text.length() <= QUOTED ? text : text.substring(0, QUOTED) + "…";
  }

  Extent extent() {
    return new Extent(seqlenQ, seqlenK, 1);
  }

  MaskKind kind() {
    return MaskKind.ALL.stream().filter(each -> each.name().equals(mask)).findFirst().orElseThrow();
  }

  /**
   * The mask itself.
   *
   * @return made anew at every call
   * @throws RefusedException naming the parameter that does not fit
   */
  public Mask make() {
    Mask made =
        kind().generated()
            ? Patterns.named(mask, seqlenQ, seqlenK, 1, values).mask()
            : new CoreMasks(this).make();
    return and == null ? made : made.and(and.make());
  }

  /** Its name, and that of the second mask. */
  public String title() {
    return and == null ? mask : mask + " and " + and.mask;
  }

  String says() {
    return and == null ? kind().says() : kind().says() + "; and " + and.kind().says();
  }

  /**
   * All of it in words.
   *
   * @return what {@link #of} makes an equal query from
   */
  public Map<String, Object> description() {
    Map<String, Object> description = new LinkedHashMap<>();
    description.put("mask", mask);
    description.put("seqlenQ", seqlenQ);
    description.put("seqlenK", seqlenK);
    description.putAll(values);
    if (and != null) {
      Map<String, Object> inner = new LinkedHashMap<>(Objects.requireNonNull(and).description());
      inner.remove("seqlenQ");
      inner.remove("seqlenK");
      description.put("and", inner);
    }
    return description;
  }
}
