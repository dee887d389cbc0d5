package io.github.attn4j.operators;

import java.util.Arrays;
import java.util.Random;

/** Draws which key a cache of fixed size drops at which row. */
final class Evictions {
  private Evictions() {}

  /**
   * Chooses as many distinct keys as there are rows from {@code startRow} on, never the last key,
   * and gives each of these rows one that lies before it.
   *
   * @return per key the row that drops it, {@code Integer.MAX_VALUE} for never
   */
  static int[] draw(int seqlen, int startRow, Random random) {
    int[] evictedAt = new int[seqlen];
    Arrays.fill(evictedAt, Integer.MAX_VALUE);
    int[] chosen = choose(Math.max(0, seqlen - 1), Math.max(0, seqlen - startRow), random);
    int[] waiting = new int[chosen.length];
    int size = 0;
    int next = 0;
    for (int row = startRow; row < seqlen; row++) {
      while (next < chosen.length && chosen[next] < row) {
        waiting[size++] = chosen[next++];
      }
      // One waits always: at most seqlen - 1 - row of the chosen keys lie at this row or behind,
      // and as many rows follow.
      int pick = random.nextInt(size);
      evictedAt[waiting[pick]] = row;
      waiting[pick] = waiting[--size];
    }
    return evictedAt;
  }

  /** Distinct numbers below {@code bound}, ascending. */
  private static int[] choose(int bound, int count, Random random) {
    int[] numbers = new int[bound];
    Arrays.setAll(numbers, n -> n);
    for (int n = 0; n < count; n++) {
      int other = n + random.nextInt(bound - n);
      int kept = numbers[n];
      numbers[n] = numbers[other];
      numbers[other] = kept;
    }
    int[] chosen = Arrays.copyOf(numbers, count);
    Arrays.sort(chosen);
    return chosen;
  }
}
