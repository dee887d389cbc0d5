package io.github.attn4j.examples.docs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A page of the documentation.
 *
 * @param name its path from the checkout
 * @param text all of it
 * @param blocks its code blocks in order
 */
record Page(String name, String text, List<Block> blocks) {
  private static final String FENCE = "```";
  private static final Pattern FENCED = Pattern.compile("(?ms)^```.*?^```[ \t]*$");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");

  /** The checkout, whether tests run from it or from the module. */
  static Path checkout() {
    Path here = Path.of("").toAbsolutePath();
    while (!Files.exists(here.resolve("bin/attn4j"))) {
      here = Objects.requireNonNull(here.getParent(), "no checkout around the test");
    }
    return here;
  }

  /** Every page that holds code for readers. */
  static List<Page> all() {
    Path checkout = checkout();
    List<String> names =
        new ArrayList<>(List.of("README.md", "CONTRIBUTING.md", "examples/README.md"));
    try (Stream<Path> docs = Files.list(checkout.resolve("docs"))) {
      docs.map(file -> "docs/" + file.getFileName())
          .filter(name -> name.endsWith(".md"))
          .sorted()
          .forEach(names::add);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return names.stream()
        .filter(name -> Files.exists(checkout.resolve(name)))
        .map(Page::read)
        .toList();
  }

  static Page read(String name) {
    try {
      return of(name, Files.readString(checkout().resolve(name)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Page of(String name, String text) {
    List<Block> blocks = new ArrayList<>();
    List<String> lines = text.lines().toList();
    for (int n = 0; n < lines.size(); n++) {
      boolean fenced = lines.get(n).startsWith(FENCE);
      boolean indented = isIndented(lines, n);
      if (fenced || indented) {
        // A fence ends at backticks alone: what a model writes may begin a line with them.
        String language = fenced ? lines.get(n).substring(FENCE.length()).strip() : "bash";
        int first = fenced ? n + 1 : n;
        int end = first;
        while (end < lines.size()
            && (fenced ? !lines.get(end).strip().equals(FENCE) : continues(lines, end))) {
          end++;
        }
        String body = String.join("\n", lines.subList(first, end));
        blocks.add(new Block(name, first + 1, language, fenced ? body : body.stripIndent()));
        n = end;
      }
    }
    return new Page(name, text, List.copyOf(blocks));
  }

  /** Four blanks behind an empty line are code, unless a list is being continued. */
  private static boolean isIndented(List<String> lines, int n) {
    if (!lines.get(n).startsWith("    ") || n == 0 || !lines.get(n - 1).isBlank()) {
      return false;
    }
    for (int above = n - 1; above >= 0; above--) {
      String line = lines.get(above);
      if (!line.isBlank() && !line.startsWith(" ")) {
        return !line.matches("([-*]|\\d+\\.) .*");
      }
    }
    return true;
  }

  private static boolean continues(List<String> lines, int n) {
    boolean more = n + 1 < lines.size() && lines.get(n + 1).startsWith("    ");
    return lines.get(n).startsWith("    ") || (lines.get(n).isBlank() && more);
  }

  /** The block behind this one, if it shows what this one prints. */
  @Nullable Block expectedOutput(Block block) {
    int next = blocks.indexOf(block) + 1;
    return next < blocks.size() && blocks.get(next).is("text") ? blocks.get(next) : null;
  }

  /** Links to files that are not there, or to headings that their page does not have. */
  List<String> deadLinks() {
    return LINK.matcher(FENCED.matcher(text).replaceAll(""))
        .results()
        .map(found -> found.group(1))
        .filter(link -> !link.contains("://") && isDead(link))
        .toList();
  }

  private boolean isDead(String link) {
    String[] parts = link.split("#", 2);
    Path own = checkout().resolve(name);
    Path file = parts[0].isEmpty() ? own : own.resolveSibling(parts[0]);
    if (!Files.exists(file) || parts.length == 1) {
      return !Files.exists(file);
    }
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .filter(line -> line.startsWith("#"))
          .noneMatch(heading -> anchor(heading).equals(parts[1]));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** As GitHub makes them of headings. */
  private static String anchor(String heading) {
    return heading
        .replaceFirst("#+ ", "")
        .toLowerCase(Locale.ROOT)
        .replaceAll("[^\\p{L}\\p{N} _-]", "")
        .replace(' ', '-');
  }
}
