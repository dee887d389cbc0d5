package io.github.attn4j.cli.pattern;

import io.github.attn4j.RefusedException;
import java.util.Arrays;
import java.util.regex.Pattern;

/** Numbers as people and pages write them; what is none is refused by the parameter's name. */
public final class Numbers {
  /** What is longer than this is not typed by anyone. */
  private static final int MOST = 4096;

  private static final int QUOTED = 40;

  private static final Pattern INTEGER = Pattern.compile("-?[0-9]{1,19}");

  private Numbers() {}

  /**
   * One number.
   *
   * @param parameter its name
   * @param text its digits
   * @return the number
   * @throws RefusedException naming the parameter
   */
  public static int one(String parameter, String text) {
    long number = wide(parameter, text);
    if (number != (int) number) {
      throw wrong(parameter, "a number of 32 bits", text);
    }
    return (int) number;
  }

  /**
   * One number of 64 bits.
   *
   * @param parameter its name
   * @param text its digits
   * @return the number
   * @throws RefusedException naming the parameter
   */
  public static long wide(String parameter, String text) {
    String digits = text.strip();
    if (!INTEGER.matcher(digits).matches()) {
      throw wrong(parameter, "a whole number", text);
    }
    try {
      return Long.parseLong(digits);
    } catch (NumberFormatException e) {
      throw wrong(parameter, "a number of 64 bits", text);
    }
  }

  /**
   * Numbers between separators.
   *
   * @param parameter their name
   * @param text such as {@code 4,3,3}
   * @param separator one character
   * @return the numbers; none for a blank text
   * @throws RefusedException naming the parameter
   */
  public static int[] list(String parameter, String text, char separator) {
    return Arrays.stream(split(parameter, text, separator))
        .mapToInt(part -> one(parameter, part))
        .toArray();
  }

  /**
   * Lists of numbers between commas.
   *
   * @param parameter their name
   * @param text such as {@code 2:3,1:2}
   * @param separator one character, within a list
   * @return the lists; none for a blank text
   * @throws RefusedException naming the parameter
   */
  public static int[][] lists(String parameter, String text, char separator) {
    return Arrays.stream(split(parameter, text, ','))
        .map(part -> list(parameter, part.isBlank() ? "?" : part, separator))
        .toArray(int[][]::new);
  }

  private static String[] split(String parameter, String text, char separator) {
    if (text.isBlank()) {
      return new String[0];
    }
    if (text.chars().filter(c -> c == separator).count() >= MOST) {
      throw wrong(parameter, "at most " + MOST + " numbers", text);
    }
    return text.split(Pattern.quote(String.valueOf(separator)), -1);
  }

  private static RefusedException wrong(String parameter, String expected, String text) {
    String got = text.length() <= QUOTED ? text : text.substring(0, QUOTED) + "…";
    return RefusedException.value(parameter, "expected %s, got '%s'".formatted(expected, got));
  }
}
