package io.github.attn4j.cli.page;

import io.github.attn4j.Extent;
import io.github.attn4j.Tensor;
import io.github.attn4j.operators.FlashMaskPattern;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The smallest FlashMask form of a mask: {@code causal}, and per key none, one, two or four numbers
 * (LTS, LTE, UTS, UTE of arXiv 2410.01359), found from the rows that may not see it.
 *
 * @param causal whether the causal half comes from the flag
 * @param names what the numbers of a key are called
 * @param values for each name one number per key
 */
record ColumnForm(boolean causal, List<String> names, int[][] values) {
  private static final List<ColumnForm> BY_SIZE =
      List.of(
          form(true),
          form(false),
          form(true, "LTS"),
          form(true, "LTS", "LTE"),
          form(false, "LTS", "UTE"),
          form(false, "LTS", "LTE", "UTS", "UTE"),
          form(true, "LTS", "LTE", "UTS", "UTE"));

  private static ColumnForm form(boolean causal, String... names) {
    return new ColumnForm(causal, List.of(names), new int[0][]);
  }

  /**
   * Finds the form of a mask.
   *
   * @param rows its masked rows
   * @return null if a key has more masked intervals than FlashMask can say
   */
  static @Nullable ColumnForm of(MaskedRows rows, Extent extent) {
    int[][] masked = new int[extent.seqlenK()][];
    for (int j = 0; j < masked.length; j++) {
      masked[j] = rows.of(j);
      if (masked[j].length > 6) {
        return null;
      }
    }
    for (ColumnForm form : BY_SIZE) {
      ColumnForm found = form.fit(masked, extent);
      if (found != null) {
        return found;
      }
    }
    return null;
  }

  private @Nullable ColumnForm fit(int[][] masked, Extent extent) {
    int[][] found = new int[names.size()][extent.seqlenK()];
    for (int j = 0; j < masked.length; j++) {
      int diagonal = Math.clamp((long) j - extent.offset(), 0, extent.seqlenQ());
      int[] numbers = numbers(masked[j], diagonal, extent.seqlenQ());
      if (numbers.length != names.size()) {
        return null;
      }
      for (int n = 0; n < numbers.length; n++) {
        found[n][j] = numbers[n];
      }
    }
    return new ColumnForm(causal, names, found);
  }

  /** The numbers of one key in this form, or others than it has names if they cannot say it. */
  private int[] numbers(int[] masked, int diagonal, int seqlenQ) {
    int[] none = new int[names.size() + 1];
    int[] rest = masked;
    if (causal && diagonal > 0) {
      if (masked.length == 0 || masked[0] > 0 || masked[1] < diagonal) {
        return none;
      }
      rest = masked.clone();
      rest[0] = diagonal;
    }
    if (rest.length > 0 && rest[0] == rest[1]) {
      rest = Arrays.copyOfRange(rest, 2, rest.length);
    }
    int first = rest.length == 0 ? seqlenQ : rest[0];
    int last = rest.length == 0 ? seqlenQ : rest[rest.length - 1];
    int intervals = rest.length / 2;
    return switch (names.size()) {
      case 0 -> intervals == 0 ? new int[0] : none;
      case 1 -> intervals <= 1 && last == seqlenQ ? new int[] {first} : none;
      case 2 ->
          causal
              ? intervals <= 1 ? new int[] {first, last} : none
              : lowerUpper(rest, seqlenQ, none);
      default -> intervals <= 2 ? two(rest, diagonal, seqlenQ) : none;
    };
  }

  /** Rows from LTS on, and rows up to UTE. */
  private static int[] lowerUpper(int[] rest, int seqlenQ, int[] none) {
    if (rest.length == 0) {
      return new int[] {seqlenQ, 0};
    }
    boolean upper = rest[0] == 0;
    boolean lower = rest[rest.length - 1] == seqlenQ;
    if (rest.length == 4) {
      return upper && lower ? new int[] {rest[2], rest[1]} : none;
    }
    // What covers all rows needs one of the two only.
    return rest.length != 2 || !(upper || lower)
        ? none
        : lower ? new int[] {rest[0], 0} : new int[] {seqlenQ, rest[1]};
  }

  /** The lower interval, then the upper; one alone is the upper if it starts above the diagonal. */
  private static int[] two(int[] rest, int diagonal, int seqlenQ) {
    if (rest.length == 4) {
      return new int[] {rest[2], rest[3], rest[0], rest[1]};
    }
    if (rest.length == 0) {
      return new int[] {seqlenQ, seqlenQ, 0, 0};
    }
    return rest[0] < diagonal
        ? new int[] {seqlenQ, seqlenQ, rest[0], rest[1]}
        : new int[] {rest[0], rest[1], 0, 0};
  }

  /** Bytes of {@code startend_row_indices}. */
  long bytes() {
    return values.length == 0 ? 0 : (long) Integer.BYTES * values.length * values[0].length;
  }

  /** As the operator takes it. */
  FlashMaskPattern pattern(String name) {
    if (values.length == 0) {
      return new FlashMaskPattern(name, causal, null);
    }
    int keys = values[0].length;
    int[] flat = new int[Math.multiplyExact(keys, values.length)];
    for (int n = 0; n < flat.length; n++) {
      flat[n] = values[n % values.length][n / values.length];
    }
    return new FlashMaskPattern(name, causal, Tensor.of(flat, 1, 1, keys, values.length));
  }
}
