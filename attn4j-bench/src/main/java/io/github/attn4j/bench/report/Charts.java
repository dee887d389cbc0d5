package io.github.attn4j.bench.report;

import static io.github.attn4j.bench.report.Cells.rate;

import io.github.attn4j.bench.measure.Measurement;
import io.github.attn4j.bench.measure.Section;
import io.github.attn4j.bench.peer.Pass;
import io.github.attn4j.bench.peer.Work;
import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.regex.Pattern;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.internal.chartpart.IChart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler;

/**
 * The charts of the report, as SVG.
 *
 * @param tables what was measured
 * @param folder where to; made if it is not there
 */
record Charts(Tables tables, Path folder) {
  private static final int WIDTH = 860;
  private static final int HEIGHT = 420;

  /** Coordinates to a hundredth: letters are outlines, and these digits would be half of a file. */
  private static final Pattern TOO_PRECISE = Pattern.compile("(\\d\\.\\d\\d)\\d+");

  private static final String NEEDED_DIGITS = "$1";

  /** Draws what there are measurements for. */
  void write() throws IOException {
    Files.createDirectories(folder);
    if (!tables.of(Section.FORWARD).isEmpty()) {
      save("forward", forward());
    }
    if (!tables.of(Section.LENGTHS).isEmpty()) {
      save("lengths", lengths());
    }
    if (!tables.of(Section.MASKS).isEmpty()) {
      save("masks", masks());
    }
    if (!tables.of(Section.THREADS).isEmpty()) {
      save("threads", threads());
    }
  }

  private void save(String name, IChart chart) throws IOException {
    String svg = new String(ChartEncoder.getBytes(chart, "svg"), StandardCharsets.UTF_8);
    Files.writeString(
        folder.resolve(name + ".svg"), TOO_PRECISE.matcher(svg).replaceAll(NEEDED_DIGITS));
  }

  private CategoryChart forward() {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("Forward, float32, one thread")
            .yAxisTitle("share of the multiply-add peak")
            .build();
    style(chart.getStyler());
    List<Measurement> measured = tables.of(Section.FORWARD);
    List<String> shapes = measured.stream().map(one -> shape(one.work())).distinct().toList();
    byPeer(measured)
        .forEach((peer, own) -> {
          Map<String, Double> shares = new LinkedHashMap<>();
          own.forEach(one -> shares.put(shape(one.work()), rate(one).share()));
          chart.addSeries(
              peer, shapes, shapes.stream().map(s -> shares.getOrDefault(s, 0.0)).toList());
        });
    return chart;
  }

  private static String shape(Work work) {
    return Cells.text("%d × %d %s", work.seqQ(), work.dim(), work.mask());
  }

  private XYChart lengths() {
    XYChart chart = lines("Forward, float32, full, D 64", "rows", "share of the multiply-add peak");
    // On doublings; a logarithmic axis would be labelled at powers of ten only.
    chart
        .getStyler()
        .setXAxisTickLabelsFormattingFunction(doublings ->
            doublings == Math.rint(doublings) ? Cells.text("%.0f", Math.pow(2, doublings)) : "");
    series(
        chart,
        tables.of(Section.LENGTHS),
        one -> Math.log(one.work().seqQ()) / Math.log(2),
        one -> rate(one).share());
    return chart;
  }

  private XYChart masks() {
    XYChart chart =
        lines("Twelve masks: time against tile density", "tile density", "time / time of full");
    for (Pass pass : List.of(Pass.FORWARD, Pass.BACKWARD)) {
      List<Measurement> measured = tables.masks(pass);
      if (!measured.isEmpty()) {
        chart
            .addSeries(
                pass == Pass.FORWARD ? "forward" : "backward",
                values(measured, Tables::density),
                values(measured, one -> Tables.ofFull(one, measured)))
            .setXYSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
      }
    }
    chart.addSeries("in proportion", new double[] {0, 1}, new double[] {0, 1});
    return chart;
  }

  private XYChart threads() {
    XYChart chart = lines("Forward, float32, full", "threads", "GFLOP/s");
    series(
        chart, tables.of(Section.THREADS), one -> one.work().threads(), one -> rate(one).value());
    return chart;
  }

  private static XYChart lines(String title, String x, String y) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle(x)
            .yAxisTitle(y)
            .build();
    style(chart.getStyler());
    return chart;
  }

  private static void style(AxesChartStyler styler) {
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setLegendPosition(Styler.LegendPosition.OutsideE);
    styler.setYAxisMin(0.0);
    // Dashes would be shapes of their own, thousands of them.
    styler.setPlotGridLinesStroke(new BasicStroke(0.5f));
  }

  private static void series(
      XYChart chart,
      List<Measurement> measured,
      ToDoubleFunction<Measurement> x,
      ToDoubleFunction<Measurement> y) {
    byPeer(measured).forEach((peer, own) -> chart.addSeries(peer, values(own, x), values(own, y)));
  }

  private static Map<String, List<Measurement>> byPeer(List<Measurement> measured) {
    Map<String, List<Measurement>> peers = new LinkedHashMap<>();
    measured.forEach(one -> peers.computeIfAbsent(one.peer(), peer -> new ArrayList<>()).add(one));
    return peers;
  }

  private static double[] values(List<Measurement> measured, ToDoubleFunction<Measurement> value) {
    return measured.stream().mapToDouble(value).toArray();
  }
}
