package io.github.attn4j.bench.report;

import io.github.attn4j.DType;
import io.github.attn4j.bench.measure.Measurement;
import io.github.attn4j.bench.peer.Pass;
import io.github.attn4j.bench.peer.Work;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** How numbers and shapes are written. */
final class Cells {
  private Cells() {}

  static String text(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  /** A table in Markdown; the first column is text, the others are numbers. */
  static String table(List<String> titles, List<List<String>> rows) {
    StringBuilder table = new StringBuilder();
    line(table, titles);
    table.append("|---|").append("---:|".repeat(titles.size() - 1)).append('\n');
    rows.forEach(row -> line(table, row));
    return table.toString();
  }

  private static void line(StringBuilder table, List<String> cells) {
    table.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  static String shape(Work work) {
    String threads = work.threads() == 1 ? "" : text(", %d threads", work.threads());
    if (work.pass() == Pass.DECODE) {
      return dtype(work.dtype()) + text(", %,d keys%s", work.seqK(), threads);
    }
    return text("S %d, D %d, %s%s", work.seqQ(), work.dim(), work.mask(), threads);
  }

  static String dtype(DType dtype) {
    return dtype.name().toLowerCase(Locale.ROOT);
  }

  static Measurement.Rate rate(Measurement measurement) {
    return Objects.requireNonNull(measurement.rate(), "rate");
  }

  static String rateAndShare(Measurement measurement) {
    Measurement.Rate rate = rate(measurement);
    return text("%.1f (%.2f)", rate.value(), rate.share());
  }

  /** A time in the unit that suits it. */
  static String time(double seconds) {
    if (seconds < 1e-3) {
      return text("%.1f µs", seconds * 1e6);
    }
    return seconds < 1 ? text("%.2f ms", seconds * 1e3) : text("%.2f s", seconds);
  }
}
