package io.github.attn4j.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The page of errors says what the sources say: all of it, and nothing else. */
final class ErrorsPageTest {
  private static final Pattern CODE = Pattern.compile("`([^`\\n]+)`");

  /** The messages of the tables that have a column of that name, the first. */
  private static Set<String> messages() {
    Set<String> messages = new LinkedHashSet<>();
    boolean checked = false;
    for (String line : Page.read("docs/errors.md").text().lines().toList()) {
      checked = line.startsWith("| Message |") || (checked && line.startsWith("|"));
      if (checked) {
        String first = line.replace("\\|", "\u0001").split("\\|")[1].replace("\u0001", "|");
        CODE.matcher(first).results().map(found -> found.group(1)).forEach(messages::add);
      }
    }
    return messages;
  }

  private static SourceMessages sources(String module) throws IOException {
    return SourceMessages.of("attn4j-" + module + "/src/main/java");
  }

  @Test
  void everyRefusalOfCoreAndCapturesIsExplained() throws IOException {
    Set<String> explained = messages();
    for (String module : List.of("core", "cpu", "cli")) {
      assertThat(sources(module).refusals())
          .as("refusals of %s that docs/errors.md does not have", module)
          .allSatisfy(refusal -> assertThat(explained).contains(refusal));
    }
  }

  @Test
  void everyMessageOfThePageIsInTheSources() throws IOException {
    Set<String> known = new LinkedHashSet<>();
    for (String module : List.of("core", "cpu", "cli")) {
      SourceMessages messages = sources(module);
      known.addAll(messages.refusals());
      known.addAll(messages.strings());
    }
    assertThat(known).containsAll(messages());
  }

  @Test
  void everyArgumentThatOperatorsRefuseIsOnTheirPage() throws IOException {
    Set<String> named =
        Stream.of("docs/operators.md", "docs/errors.md")
            .map(name -> Page.read(name).text().replaceAll("(?s)```.*?```", ""))
            .flatMap(text -> CODE.matcher(text).results().toList().stream())
            .map(found -> found.group(1))
            .collect(Collectors.toSet());
    Set<String> refused =
        sources("operators").refusals().stream()
            .map(refusal -> refusal.substring(0, refusal.indexOf(": ")))
            .filter(argument -> !argument.contains("…"))
            .collect(Collectors.toSet());
    assertThat(named).containsAll(refused);
  }
}
