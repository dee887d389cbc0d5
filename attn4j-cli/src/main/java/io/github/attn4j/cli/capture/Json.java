package io.github.attn4j.cli.capture;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Strict JSON: no duplicate keys, bounded depth, nothing after the value. */
public final class Json {
  /** Headers need 3 levels, attributes 2; what is deeper wants to exhaust a stack. */
  private static final int MAX_DEPTH = 16;

  static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          // The parser quotes no input in its messages: it may be megabytes, or escape codes.
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
          .build();

  private Json() {}

  /**
   * Reads one object: values are Map, List, String, Long, BigInteger, Double, Boolean or null.
   *
   * @param text JSON
   * @return the object
   * @throws IOException with a message for people if the text is anything else
   */
  public static Map<String, @Nullable Object> object(String text) throws IOException {
    try (JsonParser parser = FACTORY.createParser(text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("expected a JSON object, got " + describe(parser.currentToken()));
      }
      Map<String, @Nullable Object> object = map(parser);
      if (parser.nextToken() != null) {
        throw new IOException("expected nothing after the JSON object");
      }
      return object;
    }
  }

  private static Map<String, @Nullable Object> map(JsonParser parser) throws IOException {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      parser.nextToken();
      map.put(key, value(parser));
    }
    return map;
  }

  private static List<@Nullable Object> list(JsonParser parser) throws IOException {
    List<@Nullable Object> list = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      list.add(value(parser));
    }
    return list;
  }

  private static @Nullable Object value(JsonParser parser) throws IOException {
    JsonToken token = parser.currentToken();
    if (token == null) {
      throw new IOException("the text ends early");
    }
    return switch (token) {
      case START_OBJECT -> map(parser);
      case START_ARRAY -> list(parser);
      case VALUE_STRING -> parser.getText();
      case VALUE_NUMBER_INT -> integer(parser);
      case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      default -> throw new IOException("unexpected " + describe(token));
    };
  }

  /** A Long, or a BigInteger where that is too small. */
  private static Number integer(JsonParser parser) throws IOException {
    return switch (parser.getNumberType()) {
      case INT, LONG -> parser.getLongValue();
      default -> parser.getBigIntegerValue();
    };
  }

  private static String describe(@Nullable JsonToken token) {
    return switch (token) {
      case null -> "nothing";
      case START_ARRAY, END_ARRAY -> "an array";
      case START_OBJECT, END_OBJECT -> "an object";
      case VALUE_STRING -> "a string";
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> "a number";
      case VALUE_TRUE, VALUE_FALSE -> "true or false";
      case VALUE_NULL -> "null";
      default -> "something else";
    };
  }

  /**
   * The first line of a message of the parser, without the place, which means little to a reader of
   * the file.
   *
   * @param problem what {@link #object} threw
   * @return one line
   */
  public static String problem(IOException problem) {
    String message = String.valueOf(problem.getMessage());
    int end = message.indexOf('\n');
    String line = end < 0 ? message : message.substring(0, end);
    // Where a message quotes the parser's own view of its source, in the middle of a line.
    return line.replaceFirst("\\s*(\\(start marker )?(at )?\\[?Source: .*", "");
  }

  /**
   * Writes a value as one line.
   *
   * @param value of Map, List, int[], String, Number, Boolean and null; a number that is none
   *     becomes null
   * @return JSON
   */
  public static String write(@Nullable Object value) {
    StringBuilder text = new StringBuilder();
    append(text, value);
    return text.toString();
  }

  private static void append(StringBuilder text, @Nullable Object value) {
    switch (value) {
      case Map<?, ?> map -> {
        String separator = "{";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          text.append(separator);
          append(text, String.valueOf(entry.getKey()));
          text.append(": ");
          append(text, entry.getValue());
          separator = ", ";
        }
        text.append(map.isEmpty() ? "{}" : "}");
      }
      case List<?> list -> {
        String separator = "[";
        for (Object element : list) {
          text.append(separator);
          append(text, element);
          separator = ", ";
        }
        text.append(list.isEmpty() ? "[]" : "]");
      }
      case int[] numbers -> append(text, numbers);
      case String string -> quote(text, string);
      // JSON has no word for these; null is what readers understand.
      case Double number when !Double.isFinite(number) -> text.append("null");
      case null, default -> text.append(value);
    }
  }

  private static void append(StringBuilder text, int[] numbers) {
    text.append('[');
    for (int n = 0; n < numbers.length; n++) {
      text.append(n == 0 ? "" : ",").append(numbers[n]);
    }
    text.append(']');
  }

  private static void quote(StringBuilder text, String string) {
    text.append('"');
    for (int i = 0; i < string.length(); i++) {
      char c = string.charAt(i);
      if (c == '"' || c == '\\') {
        text.append('\\').append(c);
      } else if (c < ' ' || Character.isSurrogate(c)) {
        text.append("\\u%04x".formatted((int) c));
      } else {
        text.append(c);
      }
    }
    text.append('"');
  }
}
