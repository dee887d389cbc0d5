package io.github.attn4j.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.cli.CommandLineRun;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One command of a page.
 *
 * @param block where it stands
 * @param text the command, without a comment behind it
 */
record ShellCommand(Block block, String text) {
  /** Commands that are not run here: how they begin, and why not. */
  private static final Map<Pattern, String> ELSEWHERE = new LinkedHashMap<>();

  static {
    elsewhere("bin/(verify|format)", "builds everything; continuous integration runs it");
    elsewhere("bin/(install|image|reproduce)", "a build inside a build");
    elsewhere("attn4j-image/", "runs what bin/image makes");
    elsewhere("mvn ", "a build inside a build; continuous integration runs Maven");
    elsewhere("git clone ", "needs the network");
    elsewhere("mkdir ", "only makes room for files that are compiled here");
    elsewhere("export JAVA_HOME=", "sets up a shell");
    elsewhere("\\$JAVA_HOME/bin/java .*jmh", "measures for minutes");
    elsewhere("bin/peers", "measures for minutes, and fetches other libraries");
    elsewhere("java -XX:AOTCache", "needs a program in jars");
    elsewhere("bin/example", "the tests of the examples run them");
    elsewhere("bin/attn4j bench", "measures for seconds; the command's own tests run it briefly");
    elsewhere("bin/attn4j demo", "measures for seconds; the command's own tests run it briefly");
    elsewhere("bin/attn4j mask .*--serve", "serves until it is stopped; its own tests ask it");
    elsewhere("ATTN4J_JAVA_OPTS=", "needs a JVM of its own with these flags");
  }

  private static final Pattern WORD = Pattern.compile("'([^']*)'|\"([^\"]*)\"|(\\S+)");

  private static void elsewhere(String begin, String reason) {
    ELSEWHERE.put(Pattern.compile(begin), reason);
  }

  /** The commands of a block: comments and empty lines left out, continued lines joined. */
  static List<ShellCommand> of(Block block) {
    return block
        .text()
        .replaceAll("\\\\\\R\\s*", "")
        .lines()
        .map(line -> line.replaceFirst("(^|\\s+)#\\s.*", "").strip())
        .filter(line -> !line.isEmpty())
        .map(line -> new ShellCommand(block, line))
        .toList();
  }

  boolean runsElsewhere() {
    return ELSEWHERE.keySet().stream().anyMatch(begin -> begin.matcher(text).lookingAt());
  }

  List<String> words() {
    List<String> words = new ArrayList<>();
    Matcher matcher = WORD.matcher(text);
    while (matcher.find()) {
      words.add(matcher.group().replaceAll("^['\"]|['\"]$", ""));
    }
    return words;
  }

  /** Runs the command with its files in a folder; returns what it printed. */
  String run(Path folder) throws Exception {
    List<String> words = words();
    return switch (words.getFirst()) {
      case "bin/attn4j" -> attn4j(words.subList(1, words.size()), folder);
      case "java", "$JAVA_HOME/bin/java" -> JavaRun.inChild(words, folder);
      default ->
          throw new AssertionError(
              block.place() + ": neither run here nor listed in ShellCommand: " + text);
    };
  }

  private String attn4j(List<String> words, Path folder) {
    String[] arguments = words.toArray(String[]::new);
    for (int n = 0; n < arguments.length; n++) {
      boolean ofPage = n > 0 && arguments[n - 1].matches("--(out|png|svg|json|html)");
      if (ofPage || arguments[n].endsWith(".safetensors")) {
        arguments[n] = folder.resolve(arguments[n]).toString();
      }
    }
    CommandLineRun run = CommandLineRun.of(arguments);
    assertThat(run.status()).as("%s: %s%n%s%s", block.place(), text, run.out(), run.err()).isZero();
    return run.out();
  }
}
