package io.github.attn4j.bench.report;

import static io.github.attn4j.bench.report.Cells.rate;
import static io.github.attn4j.bench.report.Cells.table;
import static io.github.attn4j.bench.report.Cells.text;

import io.github.attn4j.bench.measure.Measurement;
import io.github.attn4j.bench.measure.Section;
import io.github.attn4j.bench.peer.Attn4jPeer;
import io.github.attn4j.bench.peer.Pass;
import io.github.attn4j.bench.peer.Work;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.DoubleStream;

/**
 * The tables of the report.
 *
 * @param measurements all there are
 */
record Tables(List<Measurement> measurements) {
  private static final String NONE = "–";

  List<Measurement> of(Section section) {
    return measurements.stream().filter(one -> one.section() == section).toList();
  }

  /** Peers in columns, pieces of work in rows; the best of a row is bold. */
  String sideBySide(Section section, Function<Measurement, String> cell) {
    Map<Work, Map<String, Measurement>> rows = new LinkedHashMap<>();
    Set<String> peers = new LinkedHashSet<>();
    for (Measurement one : of(section)) {
      rows.computeIfAbsent(one.work(), work -> new LinkedHashMap<>()).put(one.peer(), one);
      peers.add(one.peer());
    }
    List<String> titles = new ArrayList<>(List.of(""));
    titles.addAll(peers);
    titles.add("attn4j / best peer");
    List<List<String>> lines = new ArrayList<>();
    rows.forEach((work, row) -> lines.add(line(work, row, peers, cell)));
    return table(titles, lines);
  }

  private static List<String> line(
      Work work,
      Map<String, Measurement> row,
      Set<String> peers,
      Function<Measurement, String> cell) {
    double best = fastest(row, true);
    List<String> line = new ArrayList<>(List.of(Cells.shape(work)));
    for (String peer : peers) {
      Measurement one = row.get(peer);
      if (one == null) {
        line.add(NONE);
      } else {
        line.add(one.seconds() == best ? "**" + cell.apply(one) + "**" : cell.apply(one));
      }
    }
    double others = fastest(row, false);
    Measurement own = row.get(Attn4jPeer.NAME);
    line.add(
        own == null || others == Double.POSITIVE_INFINITY
            ? NONE
            : text("%.2f ×", others / own.seconds()));
    return line;
  }

  /** The least seconds of a row. */
  private static double fastest(Map<String, Measurement> row, boolean withAttn4j) {
    return row.values().stream()
        .filter(one -> withAttn4j || !one.peer().equals(Attn4jPeer.NAME))
        .mapToDouble(Measurement::seconds)
        .min()
        .orElse(Double.POSITIVE_INFINITY);
  }

  /** Masks in rows, forward and backward in columns. */
  String masks() {
    List<Measurement> forward = masks(Pass.FORWARD);
    List<Measurement> backward = masks(Pass.BACKWARD);
    List<String> titles =
        List.of(
            "mask",
            "tile density",
            "forward",
            "GFLOP/s (share)",
            "time / (density × full)",
            "backward",
            "GFLOP/s (share)",
            "time / (density × full)");
    List<List<String>> lines = new ArrayList<>();
    for (Measurement one : forward) {
      List<String> line = new ArrayList<>(List.of(one.work().mask(), text("%.3f", density(one))));
      pass(line, one, forward);
      backward.stream()
          .filter(other -> other.work().mask().equals(one.work().mask()))
          .forEach(other -> pass(line, other, backward));
      lines.add(line);
    }
    return table(titles, lines);
  }

  private static void pass(List<String> line, Measurement one, List<Measurement> all) {
    line.add(Cells.time(one.seconds()));
    line.add(Cells.rateAndShare(one));
    line.add(text("%.2f", ofFull(one, all) / density(one)));
  }

  /** Measurements of the masks' section. */
  List<Measurement> masks(Pass pass) {
    return of(Section.MASKS).stream().filter(one -> one.work().pass() == pass).toList();
  }

  /** Its time as a share of the full mask's among the same measurements. */
  static double ofFull(Measurement one, List<Measurement> all) {
    double full =
        all.stream()
            .filter(other -> other.work().mask().equals(Work.FULL))
            .mapToDouble(Measurement::seconds)
            .findFirst()
            .orElse(Double.NaN);
    return one.seconds() / full;
  }

  static double density(Measurement one) {
    Double density = one.tileDensity();
    return density == null ? Double.NaN : density;
  }

  /** Making a plan: lengths in rows. */
  String plans() {
    List<List<String>> lines = new ArrayList<>();
    for (Measurement one : of(Section.PLAN)) {
      int rows = one.work().seqQ();
      lines.add(
          List.of(
              text("%,d", rows),
              Cells.time(one.seconds()),
              text("%.1f", one.seconds() * 1e9 / rows)));
    }
    return table(List.of("rows", "time", "ns per row"), lines);
  }

  /** Which versions were measured, one line per peer. */
  String versions() {
    Set<String> lines = new LinkedHashSet<>();
    measurements.forEach(one -> lines.add("- " + one.peer() + ": " + one.version() + "\n"));
    return String.join("", lines);
  }

  /** The least and the largest multiply-add peak on one thread. */
  String peak() {
    double[] peaks =
        measurements.stream()
            .filter(one -> one.rate() != null && one.work().threads() == 1)
            .filter(one -> one.work().pass() != Pass.DECODE)
            .flatMapToDouble(one -> DoubleStream.of(rate(one).before(), rate(one).after()))
            .sorted()
            .toArray();
    return peaks.length == 0 ? NONE : text("%.0f to %.0f", peaks[0], peaks[peaks.length - 1]);
  }
}
