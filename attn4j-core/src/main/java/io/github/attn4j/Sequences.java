package io.github.attn4j;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A batch as a list of sequences, each a range of query rows and a range of key rows. Padding and
 * packing (varlen) differ only here.
 *
 * <p>Padded: sequence {@code b} lies in batch entry {@code b}. Ragged: all sequences lie one behind
 * the other in one token axis, with gaps or without. Rows of a tensor that belong to no sequence
 * come out as zeros, with an lse of negative infinity.
 *
 * <pre>{@code
 * Sequences.padded(2, 1024, 1024);                               // all rows real
 * Sequences.padded(1024, 1024, new int[] {700, 1024}, keys);     // real rows from the front
 * Sequences.ragged(new long[] {0, 700, 1724}, cumulativeK);      // packed, for Layout.TND
 * }</pre>
 */
public final class Sequences {
  private final boolean ragged;
  private final long extentQ;
  private final long extentK;
  private final long[] startQ;
  private final int[] lengthQ;
  private final long[] startK;
  private final int[] lengthK;

  private Sequences(
      boolean ragged,
      long extentQ,
      long extentK,
      long[] startQ,
      int[] lengthQ,
      long[] startK,
      int[] lengthK) {
    this.ragged = ragged;
    this.extentQ = extentQ;
    this.extentK = extentK;
    this.startQ = startQ;
    this.lengthQ = lengthQ;
    this.startK = startK;
    this.lengthK = lengthK;
  }

  /**
   * A batch of sequences that fill their tensors.
   *
   * @param batch how many sequences
   * @param seqlenQ query rows of each
   * @param seqlenK key rows of each
   * @return the batch
   */
  public static Sequences padded(int batch, int seqlenQ, int seqlenK) {
    int[] q = new int[notNegative("batch", batch)];
    int[] k = new int[batch];
    Arrays.fill(q, seqlenQ);
    Arrays.fill(k, seqlenK);
    return padded(seqlenQ, seqlenK, q, k);
  }

  /**
   * A batch whose sequences fill only the first rows of their batch entry.
   *
   * @param extentQ query rows of the tensor, per batch entry
   * @param extentK key rows of the tensor, per batch entry
   * @param lengthsQ real query rows of each sequence
   * @param lengthsK real key rows of each sequence
   * @return the batch
   */
  public static Sequences padded(int extentQ, int extentK, int[] lengthsQ, int[] lengthsK) {
    notNegative("seqlenQ", extentQ);
    notNegative("seqlenK", extentK);
    checkLengths("lengthsQ", lengthsQ, extentQ);
    checkLengths("lengthsK", lengthsK, extentK);
    checkCounts("lengthsK", lengthsQ.length, lengthsK.length);
    return new Sequences(
        false,
        extentQ,
        extentK,
        new long[lengthsQ.length],
        lengthsQ.clone(),
        new long[lengthsK.length],
        lengthsK.clone());
  }

  /**
   * A batch whose sequences fill any run of rows of their batch entry, as left padding leaves them.
   *
   * @param extentQ query rows of the tensor, per batch entry
   * @param extentK key rows of the tensor, per batch entry
   * @param startsQ first real query row of each sequence
   * @param lengthsQ real query rows of each sequence
   * @param startsK first real key row of each sequence
   * @param lengthsK real key rows of each sequence
   * @return the batch
   */
  public static Sequences padded(
      int extentQ, int extentK, int[] startsQ, int[] lengthsQ, int[] startsK, int[] lengthsK) {
    checkCounts("startsQ", lengthsQ.length, startsQ.length);
    checkCounts("startsK", lengthsQ.length, startsK.length);
    Sequences fromZero = padded(extentQ, extentK, lengthsQ, lengthsK);
    checkRuns("startsQ", widen(startsQ), lengthsQ, extentQ);
    checkRuns("startsK", widen(startsK), lengthsK, extentK);
    return new Sequences(
        false,
        extentQ,
        extentK,
        widen(startsQ),
        fromZero.lengthQ,
        widen(startsK),
        fromZero.lengthK);
  }

  /**
   * Sequences packed one behind the other (varlen, TND).
   *
   * @param cumulativeQ first query row of each sequence and, last, the end: {@code 0 = c0 <= c1 <=
   *     ...}
   * @param cumulativeK the same for the keys
   * @return the batch
   */
  public static Sequences ragged(long[] cumulativeQ, long[] cumulativeK) {
    checkCounts("cumulativeK", cumulativeQ.length, cumulativeK.length);
    int[] q = differences("cumulativeQ", cumulativeQ);
    int[] k = differences("cumulativeK", cumulativeK);
    return new Sequences(
        true,
        cumulativeQ[q.length],
        cumulativeK[k.length],
        Arrays.copyOf(cumulativeQ, q.length),
        q,
        Arrays.copyOf(cumulativeK, k.length),
        k);
  }

  /**
   * Sequences in one token axis with gaps between them, in ascending order: tokens that belong to
   * none are padding.
   *
   * @param tokensQ query rows of the tensor
   * @param tokensK key rows of the tensor
   * @param startsQ first query row of each sequence
   * @param lengthsQ query rows of each sequence
   * @param startsK first key row of each sequence
   * @param lengthsK key rows of each sequence
   * @return the batch
   */
  public static Sequences ragged(
      long tokensQ, long tokensK, long[] startsQ, int[] lengthsQ, long[] startsK, int[] lengthsK) {
    checkCounts("startsQ", lengthsQ.length, startsQ.length);
    checkCounts("startsK", lengthsQ.length, startsK.length);
    checkCounts("lengthsK", lengthsQ.length, lengthsK.length);
    checkRuns("startsQ", startsQ, lengthsQ, tokensQ);
    checkRuns("startsK", startsK, lengthsK, tokensK);
    checkAscending("startsQ", startsQ, lengthsQ);
    checkAscending("startsK", startsK, lengthsK);
    return new Sequences(
        true,
        tokensQ,
        tokensK,
        startsQ.clone(),
        lengthsQ.clone(),
        startsK.clone(),
        lengthsK.clone());
  }

  private static long[] widen(int[] numbers) {
    return Arrays.stream(numbers).asLongStream().toArray();
  }

  private static void checkRuns(String name, long[] starts, int[] lengths, long extent) {
    for (int b = 0; b < starts.length; b++) {
      if (lengths[b] < 0 || starts[b] < 0 || starts[b] > extent - lengths[b]) {
        throw RefusedException.value(
            name,
            "expected runs inside %d rows, got %d rows from %d in sequence %d"
                .formatted(extent, lengths[b], starts[b], b));
      }
    }
  }

  private static void checkAscending(String name, long[] starts, int[] lengths) {
    for (int b = 1; b < starts.length; b++) {
      if (starts[b] < starts[b - 1] + lengths[b - 1]) {
        throw RefusedException.value(
            name,
            "expected ascending runs that do not overlap, got %d rows from %d behind %d from %d"
                .formatted(lengths[b], starts[b], lengths[b - 1], starts[b - 1]));
      }
    }
  }

  private static int notNegative(String name, int value) {
    if (value < 0) {
      throw RefusedException.value(name, "expected at least 0, got " + value);
    }
    return value;
  }

  private static void checkCounts(String name, int expected, int got) {
    if (expected != got) {
      throw RefusedException.value(
          name, "expected as many entries as for the query, " + expected + ", got " + got);
    }
  }

  private static void checkLengths(String name, int[] lengths, int extent) {
    if (Arrays.stream(lengths).anyMatch(n -> n < 0 || n > extent)) {
      throw RefusedException.value(
          name,
          "expected lengths between 0 and %d, got %s".formatted(extent, Arrays.toString(lengths)));
    }
  }

  private static int[] differences(String name, long[] cumulative) {
    if (cumulative.length == 0 || cumulative[0] != 0) {
      throw RefusedException.value(
          name, "expected numbers that start at 0, got " + Arrays.toString(cumulative));
    }
    int[] lengths = new int[cumulative.length - 1];
    for (int b = 0; b < lengths.length; b++) {
      long length = cumulative[b + 1] - cumulative[b];
      if (length < 0 || length > Integer.MAX_VALUE) {
        throw RefusedException.value(
            name,
            "expected ascending numbers, each sequence below 2^31, got "
                + Arrays.toString(cumulative));
      }
      lengths[b] = (int) length;
    }
    return lengths;
  }

  /**
   * How many sequences there are.
   *
   * @return the batch size
   */
  public int count() {
    return lengthQ.length;
  }

  /**
   * Whether the sequences share one token axis.
   *
   * @return true for packed sequences
   */
  public boolean isRagged() {
    return ragged;
  }

  /**
   * Query rows of a sequence.
   *
   * @param b the sequence
   * @return its seqlenQ
   */
  public int lengthQ(int b) {
    return lengthQ[b];
  }

  /**
   * Key rows of a sequence.
   *
   * @param b the sequence
   * @return its seqlenK
   */
  public int lengthK(int b) {
    return lengthK[b];
  }

  /**
   * Where a sequence's queries start along the tensor's row axis.
   *
   * @param b the sequence
   * @return rows
   */
  public long startQ(int b) {
    return startQ[b];
  }

  /**
   * Where a sequence's keys start along the tensor's row axis.
   *
   * @param b the sequence
   * @return rows
   */
  public long startK(int b) {
    return startK[b];
  }

  /**
   * The tensor's extent along its query rows.
   *
   * @return rows per batch entry, or all tokens when ragged
   */
  public long extentQ() {
    return extentQ;
  }

  /**
   * The tensor's extent along its key rows.
   *
   * @return rows per batch entry, or all tokens when ragged
   */
  public long extentK() {
    return extentK;
  }

  /**
   * Which batch entry of a tensor holds a sequence.
   *
   * @param b the sequence
   * @return b when padded, 0 when ragged
   */
  public int entry(int b) {
    return ragged ? 0 : b;
  }

  /**
   * The extent of the tensors' batch axis.
   *
   * @return the batch size when padded, 1 when ragged
   */
  public int entries() {
    return ragged ? 1 : count();
  }

  /**
   * Whether every query row of the tensors belongs to a sequence.
   *
   * @return false if there is padding
   */
  public boolean coversQueries() {
    return covers(lengthQ, extentQ);
  }

  /**
   * Whether every key row of the tensors belongs to a sequence.
   *
   * @return false if there is padding
   */
  public boolean coversKeys() {
    return covers(lengthK, extentK);
  }

  private boolean covers(int[] lengths, long extent) {
    return Arrays.stream(lengths).asLongStream().sum() == extent * (ragged ? 1 : lengths.length);
  }

  /** Whether lengths and places are the same. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Sequences that
        && ragged == that.ragged
        && extentQ == that.extentQ
        && extentK == that.extentK
        && Arrays.equals(startQ, that.startQ)
        && Arrays.equals(lengthQ, that.lengthQ)
        && Arrays.equals(startK, that.startK)
        && Arrays.equals(lengthK, that.lengthK);
  }

  @Override
  public int hashCode() {
    return Objects.hash(
        ragged,
        extentQ,
        extentK,
        Arrays.hashCode(startQ),
        Arrays.hashCode(lengthQ),
        Arrays.hashCode(startK),
        Arrays.hashCode(lengthK));
  }

  @Override
  public String toString() {
    return (ragged ? "ragged" : "padded to " + extentQ + " by " + extentK)
        + ", query "
        + Arrays.toString(lengthQ)
        + ", key "
        + Arrays.toString(lengthK);
  }
}
