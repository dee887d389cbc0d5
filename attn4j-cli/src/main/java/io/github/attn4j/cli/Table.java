package io.github.attn4j.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A table of text: the first column to the left, the others to the right. */
final class Table {
  private final int[] widths;
  private final List<String[]> rows = new ArrayList<>();

  Table(String... titles) {
    widths = new int[titles.length];
    row(titles);
  }

  Table row(String... cells) {
    for (int c = 0; c < widths.length; c++) {
      widths[c] = Math.max(widths[c], cells[c].length());
    }
    rows.add(cells);
    return this;
  }

  /** Column widths of at least so much, for a table whose lines are printed as they come. */
  Table widths(int... least) {
    Arrays.setAll(widths, c -> Math.max(widths[c], least[c]));
    return this;
  }

  /** The last row as a line. */
  String last() {
    return line(rows.getLast());
  }

  /** All rows, one per line. */
  List<String> lines() {
    return rows.stream().map(this::line).toList();
  }

  private String line(String[] cells) {
    StringBuilder line = new StringBuilder();
    for (int c = 0; c < widths.length; c++) {
      String padding = " ".repeat(widths[c] - cells[c].length());
      line.append(c == 0 ? cells[c] + padding : "  " + padding + cells[c]);
    }
    return line.toString().stripTrailing();
  }
}
