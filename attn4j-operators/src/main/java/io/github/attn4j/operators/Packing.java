package io.github.attn4j.operators;

import io.github.attn4j.RefusedException;
import java.util.Arrays;

/** Documents one behind the other from row 0. */
final class Packing {
  private final int[] ends;

  private Packing(int[] ends) {
    this.ends = ends;
  }

  /** Documents of given lengths that together take at most {@code limit} rows. */
  static Packing of(int[] lengths, int limit) {
    int[] ends = new int[lengths.length];
    long end = 0;
    for (int d = 0; d < ends.length; d++) {
      end += lengths[d];
      if (lengths[d] < 0 || end > limit) {
        throw RefusedException.value(
            "documents",
            "expected lengths >= 0 that add up to at most %d, got %s"
                .formatted(limit, Arrays.toString(lengths)));
      }
      ends[d] = (int) end;
    }
    return new Packing(ends);
  }

  /** The length of a document made of parts. */
  static int sum(int[] parts) {
    long sum = 0;
    for (int part : parts) {
      sum += part;
      if (part < 0 || sum > Integer.MAX_VALUE) {
        throw RefusedException.value(
            "documents",
            "expected lengths >= 0 that add up to less than 2^31, got " + Arrays.toString(parts));
      }
    }
    return (int) sum;
  }

  /** The length of a document given by its prefix and its length. */
  static int wholeLength(int[] document) {
    if (document.length != 2 || document[0] < 0 || document[0] > document[1]) {
      throw RefusedException.value(
          "documents",
          "expected a prefix and a length not shorter, got " + Arrays.toString(document));
    }
    return document[1];
  }

  int count() {
    return ends.length;
  }

  int start(int document) {
    return document == 0 ? 0 : ends[document - 1];
  }

  int end(int document) {
    return ends[document];
  }

  /** Where the padding starts. */
  int total() {
    return start(ends.length);
  }
}
