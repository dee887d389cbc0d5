package io.github.attn4j.cli.capture;

import io.github.attn4j.RefusedException;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The arguments of a call that are no tensors. JSON null counts as absent. A value of the wrong
 * JSON type is a TypeError of that argument; an argument nobody asked for is one of {@code attrs}.
 */
public final class Attributes {
  private final String op;
  private final Map<String, @Nullable Object> values;
  private final TreeSet<String> known = new TreeSet<>();

  Attributes(String op, Map<String, @Nullable Object> values) {
    this.op = op;
    this.values = values;
  }

  private @Nullable Object take(String name) {
    known.add(name);
    return values.get(name);
  }

  private static RefusedException wrong(String name, String expected, @Nullable Object got) {
    return RefusedException.type(name, "expected %s, got %s".formatted(expected, Json.write(got)));
  }

  /**
   * A truth value.
   *
   * @param name the argument
   * @param absent its default
   * @return the value
   */
  public boolean bool(String name, boolean absent) {
    Object value = take(name);
    return switch (value) {
      case null -> absent;
      case Boolean bool -> bool;
      default -> throw wrong(name, "true or false", value);
    };
  }

  /**
   * A number.
   *
   * @param name the argument
   * @return the value, or null if it is absent
   */
  public @Nullable Double number(String name) {
    Object value = take(name);
    return switch (value) {
      case null -> null;
      case Number number -> number.doubleValue();
      default -> throw wrong(name, "a number", value);
    };
  }

  /**
   * A number.
   *
   * @param name the argument
   * @param absent its default
   * @return the value
   */
  public double number(String name, double absent) {
    Double value = number(name);
    return value == null ? absent : value;
  }

  /**
   * An integer.
   *
   * @param name the argument
   * @param absent its default
   * @return the value
   */
  public int integer(String name, int absent) {
    Object value = take(name);
    return value == null ? absent : integer(name, value);
  }

  /**
   * An integer of 64 bits.
   *
   * @param name the argument
   * @param absent its default
   * @return the value
   */
  public long wide(String name, long absent) {
    Object value = take(name);
    return switch (value) {
      case null -> absent;
      case Long number -> number;
      case BigInteger number ->
          throw RefusedException.value(name, "expected an integer of 64 bits, got " + number);
      default -> throw wrong(name, "an integer", value);
    };
  }

  /**
   * A string.
   *
   * @param name the argument
   * @param absent its default
   * @return the value
   */
  public String string(String name, String absent) {
    String value = string(name);
    return value == null ? absent : value;
  }

  /**
   * A string.
   *
   * @param name the argument
   * @return the value, or null if it is absent
   */
  public @Nullable String string(String name) {
    Object value = take(name);
    return switch (value) {
      case null -> null;
      case String string -> string;
      default -> throw wrong(name, "a string", value);
    };
  }

  /**
   * An integer or a list of them.
   *
   * @param name the argument
   * @return the values, one for a bare integer, or null if it is absent
   */
  public int @Nullable [] integers(String name) {
    Object value = take(name);
    return switch (value) {
      case null -> null;
      case Long number -> new int[] {integer(name, number)};
      case BigInteger number -> new int[] {integer(name, number)};
      case List<?> list -> list.stream().mapToInt(element -> integer(name, element)).toArray();
      default -> throw wrong(name, "an integer or a list of integers", value);
    };
  }

  private static int integer(String name, @Nullable Object value) {
    if (value instanceof BigInteger) {
      throw RefusedException.value(name, "expected integers of 32 bits, got " + value);
    }
    if (!(value instanceof Long number)) {
      throw wrong(name, "integers", value);
    }
    if (number != number.intValue()) {
      throw RefusedException.value(name, "expected integers of 32 bits, got " + number);
    }
    return number.intValue();
  }

  /**
   * Refuses what nobody asked for: a misspelt argument must not be passed over.
   *
   * @throws RefusedException naming {@code attrs}
   */
  public void finish() {
    for (String name : values.keySet()) {
      if (!known.contains(name)) {
        throw RefusedException.type(
            "attrs", "expected arguments of %s %s, got \"%s\"".formatted(op, known, name));
      }
    }
  }
}
