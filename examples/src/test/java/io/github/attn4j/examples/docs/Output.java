package io.github.attn4j.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Compares what code printed with what its page shows. */
final class Output {
  private static final String ANYTHING = "…";

  private Output() {}

  /** Every shown line was printed; {@code …} stands for anything, alone on a line for any lines. */
  static void check(Page page, Block code, String printed) {
    Block shown = page.expectedOutput(code);
    if (shown == null) {
      return;
    }
    assertThat(tidy(printed) + '\n')
        .as("what the code at %s prints, shown at %s", code.place(), shown.place())
        .matches(pattern(tidy(shown.text())));
  }

  /** Blanks at the ends of lines and empty lines at either end say nothing. */
  private static String tidy(String text) {
    return text.lines().map(String::stripTrailing).collect(Collectors.joining("\n")).strip();
  }

  private static Pattern pattern(String shown) {
    return Pattern.compile(
        shown
            .lines()
            .map(line -> line.strip().equals(ANYTHING) ? "(?s:.*\\n)?" : quoted(line) + "\\n")
            .collect(Collectors.joining()));
  }

  private static String quoted(String line) {
    return Arrays.stream(line.split(ANYTHING, -1))
        .map(Pattern::quote)
        .collect(Collectors.joining(".*"));
  }
}
