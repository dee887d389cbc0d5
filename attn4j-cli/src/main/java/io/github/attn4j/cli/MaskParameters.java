package io.github.attn4j.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say what a pattern is made from. */
final class MaskParameters {
  @Option(
      names = "--documents",
      paramLabel = "N",
      split = ",",
      description = {
        "Lengths of the documents; PREFIX:LENGTH for prefix-lm-document,",
        "QUESTION+ANSWER+... for share-question."
      })
  private @Nullable List<String> documents;

  @Option(
      names = "--window",
      paramLabel = "N",
      split = ",",
      arity = "1",
      description = "Keys of a sliding window, or those before and after the query: LEFT,RIGHT.")
  private @Nullable List<Integer> window;

  @Option(names = "--prefix", paramLabel = "N", description = "Keys that every query sees.")
  private @Nullable Integer prefix;

  @Option(names = "--global", paramLabel = "N", description = "Global tokens.")
  private @Nullable Integer global;

  @Option(
      names = "--spans",
      paramLabel = "FIRST:LENGTH",
      split = ",",
      description = "Rows that qk-sparse drops.")
  private @Nullable List<String> spans;

  @Option(names = "--length", paramLabel = "N", description = "Real rows of causal-padded.")
  private @Nullable Integer length;

  @Option(
      names = "--start",
      paramLabel = "ROW",
      description = "First row at which random-eviction drops a key.")
  private @Nullable Integer start;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of random patterns; 1 unless given.")
  private @Nullable Long seed;

  /** What is given, by the parameter's name; an option is called like its parameter. */
  Map<String, String> given() {
    Map<String, String> given = new LinkedHashMap<>();
    put(given, "documents", documents);
    put(given, "window", window);
    put(given, "prefix", prefix);
    put(given, "global", global);
    put(given, "spans", spans);
    put(given, "length", length);
    put(given, "start", start);
    put(given, "seed", seed);
    return given;
  }

  private static void put(Map<String, String> given, String name, @Nullable Object value) {
    if (value instanceof List<?> list) {
      given.put(name, String.join(",", list.stream().map(String::valueOf).toList()));
    } else if (value != null) {
      given.put(name, value.toString());
    }
  }
}
