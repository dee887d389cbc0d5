package io.github.attn4j.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The lines of one kind of measurement, printed as they come.
 *
 * @param columns from left to right
 */
record BenchTable(List<Column> columns) {
  /**
   * One column.
   *
   * @param title above it
   * @param width at least
   * @param key of the measured value
   * @param format of the value
   * @param factor of a number
   */
  private record Column(String title, int width, String key, String format, double factor) {
    Column(String title, int width, String key) {
      this(title, width, key, "%s", 1);
    }

    String cell(Map<String, Object> line) {
      Object value = line.get(key);
      return value instanceof Double number
          ? String.format(Locale.ROOT, format, number * factor)
          : String.valueOf(value);
    }
  }

  private static final List<Column> SIZES =
      List.of(
          new Column("pass", 8, "pass"),
          new Column("dtype", 5, "dtype"),
          new Column("B", 2, "batch"),
          new Column("H", 3, "heads"),
          new Column("Hk", 3, "kv_heads"),
          new Column("S", 6, "seq"),
          new Column("Sk", 6, "seq_k"),
          new Column("D", 3, "dim"),
          new Column("threads", 7, "threads"),
          new Column("ms", 10, "seconds", "%.3f", 1e3));

  static final BenchTable PASSES =
      of(
          List.of(new Column("mask", 21, "mask")),
          List.of(
              new Column("GFLOP/s", 8, "gflops", "%.1f", 1),
              new Column("peak", 7, "peak_gflops", "%.1f", 1),
              new Column("share", 5, "share", "%.3f", 1),
              new Column("tiles", 5, "tile_density", "%.3f", 1)));

  static final BenchTable DECODE =
      of(
          List.of(new Column("page", 5, "page_size")),
          List.of(
              new Column("tokens/s", 9, "tokens_per_second", "%.0f", 1),
              new Column("GB/s", 6, "cache_gb_per_second", "%.2f", 1),
              new Column("read", 6, "read_gb_per_second", "%.2f", 1),
              new Column("share", 5, "share", "%.3f", 1)));

  private static BenchTable of(List<Column> before, List<Column> after) {
    List<Column> columns = new ArrayList<>(before);
    columns.addAll(SIZES);
    columns.addAll(after);
    return new BenchTable(columns);
  }

  private Table table() {
    return new Table(columns.stream().map(Column::title).toArray(String[]::new))
        .widths(columns.stream().mapToInt(Column::width).toArray());
  }

  /** The titles as a line. */
  String titles() {
    return table().last();
  }

  /** A measurement as a line. */
  String line(Map<String, Object> values) {
    return table()
        .row(columns.stream().map(column -> column.cell(values)).toArray(String[]::new))
        .last();
  }
}
