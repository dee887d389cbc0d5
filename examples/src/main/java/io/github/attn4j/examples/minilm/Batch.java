package io.github.attn4j.examples.minilm;

import java.util.Arrays;
import java.util.List;

/**
 * Texts as numbers of their pieces, one text after another without anything between them.
 *
 * @param ids the pieces of all texts
 * @param starts where each text begins, and where the last one ends
 */
record Batch(int[] ids, int[] starts) {
  /** Puts texts one after another; none may be empty. */
  static Batch of(List<int[]> texts) {
    int[] starts = new int[texts.size() + 1];
    for (int t = 0; t < texts.size(); t++) {
      starts[t + 1] = Math.addExact(starts[t], texts.get(t).length);
    }
    int[] ids = texts.stream().flatMapToInt(Arrays::stream).toArray();
    return new Batch(ids, starts);
  }

  int texts() {
    return starts.length - 1;
  }

  /** Tokens of all texts. */
  int tokens() {
    return ids.length;
  }

  /** Tokens of one text. */
  int length(int text) {
    return starts[text + 1] - starts[text];
  }

  int[] lengths() {
    int[] lengths = new int[texts()];
    Arrays.setAll(lengths, this::length);
    return lengths;
  }

  /** Tokens of the longest text. */
  int longest() {
    return Arrays.stream(lengths()).max().orElse(0);
  }

  /** Some of the texts. */
  Batch slice(int from, int to) {
    int[] part = Arrays.copyOfRange(starts, from, to + 1);
    for (int t = 0; t < part.length; t++) {
      part[t] -= starts[from];
    }
    return new Batch(Arrays.copyOfRange(ids, starts[from], starts[to]), part);
  }
}
