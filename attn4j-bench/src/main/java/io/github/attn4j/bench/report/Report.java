package io.github.attn4j.bench.report;

import static io.github.attn4j.bench.report.Cells.text;

import io.github.attn4j.bench.measure.Host;
import io.github.attn4j.bench.measure.Measurement;
import io.github.attn4j.bench.measure.Section;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes tables into a document, between two marks, and charts into a folder beside it. */
public final class Report {
  static final String BEGIN = "<!-- measured: 'bin/peers report' writes what follows -->";
  static final String END = "<!-- end of measured -->";
  private static final String CHARTS = "charts";

  private Report() {}

  /**
   * Writes all of it anew.
   *
   * @param measurements of one machine
   * @param document with the two marks in it
   * @throws IOException if the document cannot be written or lacks a mark
   */
  public static void write(List<Measurement> measurements, Path document) throws IOException {
    String text = Files.readString(document);
    int begin = text.indexOf(BEGIN);
    int end = text.indexOf(END);
    if (begin < 0 || end < begin) {
      throw new IOException("%s: expected the lines %s and %s".formatted(document, BEGIN, END));
    }
    if (measurements.isEmpty()) {
      throw new IOException("measurements: expected some, got none");
    }
    Tables tables = new Tables(measurements);
    new Charts(tables, document.resolveSibling(CHARTS)).write();
    Files.writeString(
        document,
        text.substring(0, begin) + BEGIN + "\n\n" + tables(tables) + "\n" + text.substring(end));
  }

  /** All tables with what explains them. */
  static String tables(Tables tables) {
    StringBuilder out = new StringBuilder();
    Host host = tables.measurements().getFirst().host();
    out.append(
        text(
            """
            Measured on %s: %s, %d cores, JDK %s, attn4j's vectors %d bits wide. The peak of multiply-adds on one
            thread, measured before and after each line, was %s GFLOP/s.%s All sizes: batch 1, 8 heads, one thread unless
            said; medians of turns that the peers took one after the other. The number in brackets is the share of the peak.

            """,
            host.date(),
            host.machine(),
            host.cores(),
            host.java(),
            host.vectorBits(),
            tables.peak(),
            host.avx512() && host.vectorBits() < 512
                ? " attn4j did not use this processor's vectors of 512 bits; native peers do, so"
                    + " theirs may pass 1."
                : ""));
    out.append(tables.versions()).append('\n');
    sideBySide(out, tables, Section.FORWARD, "Forward, float32, GFLOP/s", "forward");
    sideBySide(out, tables, Section.BACKWARD, "Backward, float32, GFLOP/s", "");
    sideBySide(out, tables, Section.BF16, "Forward, bfloat16, GFLOP/s", "");
    sideBySide(
        out,
        tables,
        Section.DECODE,
        "Decoding, 32 heads on 8, D 128, GB/s of cache and share of the read bandwidth",
        "");
    sideBySide(out, tables, Section.LENGTHS, "Over the length, float32, GFLOP/s", "lengths");
    if (!tables.of(Section.MASKS).isEmpty()) {
      int rows = tables.of(Section.MASKS).getFirst().work().seqQ();
      heading(out, text("Twelve masks, float32, S %d, D 64", rows), "masks");
      out.append(tables.masks()).append('\n');
    }
    sideBySide(out, tables, Section.THREADS, "Over the threads, float32, GFLOP/s", "threads");
    if (!tables.of(Section.SMALL).isEmpty()) {
      heading(out, "A small call, with what can be reused reused", "");
      out.append(tables.sideBySide(Section.SMALL, one -> Cells.time(one.seconds()))).append('\n');
    }
    if (!tables.of(Section.PLAN).isEmpty()) {
      heading(out, "Making a plan of packed causal documents", "");
      out.append(tables.plans()).append('\n');
    }
    return out.toString().strip() + "\n";
  }

  private static void sideBySide(
      StringBuilder out, Tables tables, Section section, String title, String chart) {
    if (!tables.of(section).isEmpty()) {
      heading(out, title, chart);
      out.append(tables.sideBySide(section, Cells::rateAndShare)).append('\n');
    }
  }

  private static void heading(StringBuilder out, String title, String chart) {
    out.append("### ").append(title).append("\n\n");
    if (!chart.isEmpty()) {
      out.append(text("![%s](%s/%s.svg)\n\n", title, CHARTS, chart));
    }
  }
}
