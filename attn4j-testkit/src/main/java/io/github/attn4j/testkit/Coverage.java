package io.github.attn4j.testkit;

import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;

/** Which rows of a case's tensors belong to no sequence, and what stands there. */
final class Coverage {
  private final boolean ragged;
  private final boolean[][] queries;
  private final boolean[][] keys;

  Coverage(AttentionCase c) {
    Sequences sequences = c.sequences();
    ragged = c.ragged();
    queries = new boolean[sequences.entries()][Math.toIntExact(sequences.extentQ())];
    keys = new boolean[sequences.entries()][Math.toIntExact(sequences.extentK())];
    for (int b = 0; b < sequences.count(); b++) {
      for (int i = 0; i < sequences.lengthQ(b); i++) {
        queries[sequences.entry(b)][(int) sequences.startQ(b) + i] = true;
      }
      for (int j = 0; j < sequences.lengthK(b); j++) {
        keys[sequences.entry(b)][(int) sequences.startK(b) + j] = true;
      }
    }
  }

  /** A tensor (entry, head, query row, column). */
  void checkQueries(String what, Tensor canonical, double expected) {
    check(what, canonical, queries, expected);
  }

  /** A tensor (entry, head, key row, column). */
  void checkKeys(String what, Tensor canonical, double expected) {
    check(what, canonical, keys, expected);
  }

  /** A tensor of the lse's shape: (entry, head, row), or (head, token) when ragged. */
  void checkPerRow(String what, Tensor perRow, double expected) {
    Tensor canonical =
        ragged
            ? perRow.reshape(1, perRow.dim(0), perRow.dim(1), 1)
            : perRow.reshape(perRow.dim(0), perRow.dim(1), perRow.dim(2), 1);
    checkQueries(what, canonical, expected);
  }

  private static void check(String what, Tensor canonical, boolean[][] rows, double expected) {
    for (int entry = 0; entry < rows.length; entry++) {
      for (int i = 0; i < rows[entry].length; i++) {
        for (int h = 0; !rows[entry][i] && h < canonical.dim(1); h++) {
          for (int d = 0; d < canonical.dim(3); d++) {
            if (canonical.get(entry, h, i, d) != expected) {
              throw new AssertionError(
                  "%s[%d, %d, %d, %d]: expected %s outside of every sequence, got %s"
                      .formatted(what, entry, h, i, d, expected, canonical.get(entry, h, i, d)));
            }
          }
        }
      }
    }
  }
}
