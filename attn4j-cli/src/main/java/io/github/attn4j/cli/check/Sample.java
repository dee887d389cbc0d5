package io.github.attn4j.cli.check;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Sequences;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Which rows and keys of every sequence and head are looked at.
 *
 * @param rows query rows, ascending; those a sequence does not have are passed over
 * @param keys key rows, ascending; the same
 * @param firstGroup first head of key and value, all sequences counted, whose keys are looked at
 * @param keyGroups in how many heads of key and value keys are looked at: a key needs every row
 *     that sees it, so one head costs as much as an attention call of it
 */
public record Sample(int[] rows, int[] keys, int firstGroup, int keyGroups) {
  /**
   * Rows and keys of every head.
   *
   * @param rows query rows
   * @param keys key rows
   */
  public Sample(int[] rows, int[] keys) {
    this(rows, keys, 0, Integer.MAX_VALUE);
  }

  /**
   * The same, its keys in fewer heads.
   *
   * @param first the first of them
   * @param groups in how many
   * @return the sample
   */
  public Sample withKeyGroups(int first, int groups) {
    return new Sample(rows, keys, first, groups);
  }

  /** The keys that are looked at in one sequence and head of key and value. */
  int[] keysOf(int b, int kvHead, AttentionSpec spec) {
    long group = (long) b * spec.kvHeads() + kvHead - firstGroup;
    return group >= 0 && group < keyGroups ? below(keys, spec.sequences().lengthK(b)) : new int[0];
  }

  static int[] below(int[] lines, int length) {
    return Arrays.stream(lines).filter(n -> n < length).toArray();
  }

  /**
   * A number of rows and keys, spread over the sequence: one at random from each of as many
   * stretches, and always the first and the last.
   *
   * @param spec the call
   * @param count how many of each, at least 2
   * @param seed of the choice
   * @return the sample
   */
  public static Sample spread(AttentionSpec spec, int count, long seed) {
    Sequences sequences = spec.sequences();
    int rows = IntStream.range(0, sequences.count()).map(sequences::lengthQ).max().orElse(0);
    int keys = IntStream.range(0, sequences.count()).map(sequences::lengthK).max().orElse(0);
    Random random = new Random(seed);
    return new Sample(spread(rows, count, random), spread(keys, count, random));
  }

  private static int[] spread(int length, int count, Random random) {
    if (length <= count) {
      return IntStream.range(0, length).toArray();
    }
    int[] chosen = new int[count];
    for (int s = 0; s < count; s++) {
      int from = (int) ((long) s * length / count);
      int to = (int) ((s + 1L) * length / count);
      chosen[s] = s == 0 ? 0 : s == count - 1 ? length - 1 : random.nextInt(from, to);
    }
    return chosen;
  }

  /**
   * As many rows and keys as a budget of work allows; all of them where it can, else keys of one
   * head of key and value only, of the sequence with most of them.
   *
   * @param spec the call
   * @param budget multiplications
   * @return the sample
   */
  public static Sample within(AttentionSpec spec, double budget) {
    Sequences sequences = spec.sequences();
    int longest = 0;
    int largest = 0;
    for (int b = 0; b < sequences.count(); b++) {
      longest = Math.max(longest, Math.max(sequences.lengthQ(b), sequences.lengthK(b)));
      largest = elements(sequences, b) > elements(sequences, largest) ? b : largest;
    }
    // A look at the mask costs about as much as fifty multiplications.
    double perRow =
        (double) longest
            * sequences.count()
            * spec.heads()
            * (spec.headDim() + spec.valueDim() + 50);
    int count = (int) Math.clamp(budget / Math.max(1, perRow), 16, 1 << 30);
    Sample sample = spread(spec, count, 1);
    return count >= longest ? sample : sample.withKeyGroups(largest * spec.kvHeads(), 1);
  }

  private static long elements(Sequences sequences, int b) {
    return (long) sequences.lengthQ(b) * sequences.lengthK(b);
  }
}
