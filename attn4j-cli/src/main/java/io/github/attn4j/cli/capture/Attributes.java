package io.github.attn4j.cli.capture;

import io.github.attn4j.RefusedException;
import java.math.BigInteger;
import java.util.Arrays;
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
   * An integer of 64 bits.
   *
   * @param name the argument
   * @return the value, or null if it is absent
   */
  public @Nullable Long integer(String name) {
    Object value = take(name);
    return value == null ? null : whole(name, value, Long.SIZE);
  }

  /**
   * An integer of 64 bits.
   *
   * @param name the argument
   * @param absent its default
   * @return the value
   */
  public long integer(String name, long absent) {
    Long value = integer(name);
    return value == null ? absent : value;
  }

  /**
   * An integer of 32 bits.
   *
   * @param name the argument
   * @return the value, or null if it is absent
   */
  public @Nullable Integer small(String name) {
    Object value = take(name);
    return value == null ? null : (int) whole(name, value, Integer.SIZE);
  }

  /**
   * An integer of 32 bits.
   *
   * @param name the argument
   * @param absent its default
   * @return the value
   */
  public int small(String name, int absent) {
    Integer value = small(name);
    return value == null ? absent : value;
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
  public long @Nullable [] integers(String name) {
    return list(name, Long.SIZE);
  }

  /**
   * The same, in 32 bits.
   *
   * @param name the argument
   * @return the values, or null if it is absent
   */
  public int @Nullable [] smalls(String name) {
    long[] values = list(name, Integer.SIZE);
    return values == null ? null : Arrays.stream(values).mapToInt(Math::toIntExact).toArray();
  }

  private long @Nullable [] list(String name, int bits) {
    Object value = take(name);
    return switch (value) {
      case null -> null;
      case List<?> list -> list.stream().mapToLong(each -> whole(name, each, bits)).toArray();
      default -> new long[] {whole(name, value, bits)};
    };
  }

  /** An integer that fits into so many bits. */
  private static long whole(String name, @Nullable Object value, int bits) {
    if (!(value instanceof Long || value instanceof BigInteger)) {
      throw wrong(name, "an integer", value);
    }
    if (!(value instanceof Long number) || (bits == Integer.SIZE && number != number.intValue())) {
      throw RefusedException.value(
          name, "expected an integer of %d bits, got %s".formatted(bits, value));
    }
    return number;
  }

  /**
   * An argument without a default.
   *
   * @param <T> its type
   * @param name the argument
   * @param value what was read
   * @return the value
   * @throws RefusedException if it is absent
   */
  public static <T> T required(String name, @Nullable T value) {
    if (value == null) {
      throw RefusedException.type(name, "expected a value, it has no default, got none");
    }
    return value;
  }

  /**
   * Refuses what nobody asked for: a misspelt argument must not be passed over.
   *
   * @throws RefusedException naming {@code attrs}
   */
  public void finish() {
    for (String name : values.keySet()) {
      if (!known.contains(name) && values.get(name) != null) {
        throw RefusedException.type(
            "attrs", "expected arguments of %s %s, got \"%s\"".formatted(op, known, name));
      }
    }
  }
}
