package io.github.attn4j.operators;

import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.NullMarked;

/**
 * Where things lie and what is visible under the arguments of {@code npu_fusion_attention}, read
 * off the notes on it: i is a query row, j a key, b a sequence, n a head of the query.
 */
@NullMarked
final class NpuRule {
  private final NpuCase c;

  NpuRule(NpuCase c) {
    this.c = c;
  }

  private static int sum(int[] lengths, int count) {
    return Arrays.stream(lengths, 0, count).sum();
  }

  /** Where a row of a head starts in a tensor of the call's layout. */
  int at(boolean ofQuery, int b, int row, int head, int heads, int columns) {
    int[] lengths = ofQuery ? c.rows : c.keys;
    int line =
        switch (c.layout) {
          case "BNSD" -> (b * heads + head) * lengths[b] + row;
          case "BSND", "BSH" -> (b * lengths[b] + row) * heads + head;
          case "SBH" -> (row * c.batch + b) * heads + head;
          default -> (sum(lengths, b) + row) * heads + head;
        };
    return line * columns;
  }

  /** Where the lanes of a row lie in softmax_max and softmax_sum. */
  int lane(int b, int n, int i) {
    if (!c.ragged()) {
      return ((b * c.heads + n) * c.rows[b] + i) * 8;
    }
    int start = sum(c.rows, b);
    return c.softmaxLayout.equals("TND")
        ? ((start + i) * c.heads + n) * 8
        : (start * c.heads + n * c.rows[b] + i) * 8;
  }

  /** The number of a score in the order of the dropout's bits. */
  int score(int b, int n, int i, int j) {
    int before = 0;
    for (int earlier = 0; earlier < b; earlier++) {
      before += c.heads * c.rows[earlier] * c.keys[earlier];
    }
    return before + (n * c.rows[b] + i) * c.keys[b] + j;
  }

  /** Whether row i sees key j. */
  boolean keeps(int b, int n, int i, int j) {
    Tensor mask = c.mask;
    if (mask == null) {
      return true;
    }
    int delta = c.keys[b] - c.rows[b];
    return switch (c.sparseMode) {
      case 0 -> given(mask, b, n, i, j) == 0 && i - j <= c.pre && j - i <= c.next;
      case 1, 5 -> given(mask, b, n, i, j) == 0;
      case 2 -> j <= i;
      case 3 -> j <= i + delta;
      case 4 -> band(i + delta, j);
      case 6 -> j <= i + delta || j < Objects.requireNonNull(c.prefix)[b];
      case 7 -> lastWithRows() == b ? band(i + delta, j) : j <= i + delta;
      default -> firstWithRows() == b ? band(i + delta, j) : j <= i;
    };
  }

  private boolean band(int place, int j) {
    return place - j <= c.pre && j - place <= c.next;
  }

  private int lastWithRows() {
    int last = c.batch - 1;
    while (c.rows[last] == 0) {
      last--;
    }
    return last;
  }

  private int firstWithRows() {
    int first = 0;
    while (c.rows[first] == 0) {
      first++;
    }
    return first;
  }

  private double given(Tensor mask, int b, int n, int i, int j) {
    if (c.overAllTokens) {
      return mask.get(sum(c.rows, b) + i, sum(c.keys, b) + j);
    }
    long row = mask.dim(-2) == 1 ? 0 : i;
    long column = mask.dim(-1) == 1 ? 0 : j;
    return mask.rank() == 2
        ? mask.get(row, column)
        : mask.get(mask.dim(0) == 1 ? 0 : b, mask.dim(1) == 1 ? 0 : n, row, column);
  }

  /** Factor of the element of the position encoding. */
  double weight(int b, int i, int j) {
    if (c.pseForm != NpuCase.PseForm.SLOPES) {
      return 1;
    }
    long shift = c.qStart == null ? 0 : Objects.requireNonNull(c.kvStart)[0] - c.qStart[0];
    double distance = Math.abs(j + shift - i);
    return c.pseType == 2 ? -distance : -Math.sqrt(distance);
  }

  /** Which element of the position encoding belongs to a score, or -1 for none. */
  int pseElement(int b, int n, int i, int j) {
    Tensor pse = Objects.requireNonNull(c.pse);
    return switch (c.pseForm) {
      case NONE -> -1;
      case DENSE -> element(pse, b, n, i, j);
      case PACKED -> score(b, n, i, j);
      case PACKED_PER_KEY -> sum(c.keys, b) * c.heads + n * c.keys[b] + j;
      case SLOPES -> pse.rank() == 1 ? n : b * c.heads + n;
      case LAST_ROWS -> j > i ? -1 : lastRows(pse, b, n, i, j);
    };
  }

  private int lastRows(Tensor pse, int b, int n, int i, int j) {
    int columns = (int) pse.dim(3);
    if (c.ragged()) {
      int down = i - j - (columns - 1024);
      return element(pse, b, n, Math.max(down, 0), Math.max(-down, 0));
    }
    if (i >= columns - 1024) {
      return element(pse, b, n, i - (columns - 1024), j);
    }
    int row = i % 1024;
    return element(pse, b, n, row, columns - (i - j) - (1024 - row));
  }

  private static int element(Tensor pse, int... index) {
    int at = 0;
    for (int d = 0; d < index.length; d++) {
      at = at * (int) pse.dim(d) + (pse.dim(d) == 1 ? 0 : index[d]);
    }
    return at;
  }
}
