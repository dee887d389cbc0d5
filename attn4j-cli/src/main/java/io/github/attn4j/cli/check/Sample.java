package io.github.attn4j.cli.check;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Sequences;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Which rows and keys of every sequence and head are looked at.
 *
 * @param rows query rows, ascending; those a sequence does not have are passed over
 * @param keys key rows, ascending; the same
 */
public record Sample(int[] rows, int[] keys) {
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
   * As many rows and keys as a budget of work allows; all of them where it can.
   *
   * @param spec the call
   * @param budget multiplications
   * @return the sample
   */
  public static Sample within(AttentionSpec spec, double budget) {
    Sequences sequences = spec.sequences();
    double perRow = 0;
    for (int b = 0; b < sequences.count(); b++) {
      perRow = Math.max(perRow, Math.max(sequences.lengthQ(b), sequences.lengthK(b)));
    }
    // A look at the mask costs about as much as fifty multiplications.
    perRow *= (double) sequences.count() * spec.heads() * (spec.headDim() + spec.valueDim() + 50);
    return spread(spec, (int) Math.clamp(budget / Math.max(1, perRow), 16, 1 << 30), 1);
  }
}
