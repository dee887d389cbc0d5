package io.github.attn4j.examples.gpt;

import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** How the loss fell: on each batch before the step, and now and then on what was held out. */
final class LossCurve {
  /** Each is a shape of its own in the file. */
  private static final int POINTS = 60;

  /** Coordinates to a tenth: letters are outlines, and further digits would be most of the file. */
  private static final Pattern TOO_PRECISE = Pattern.compile("(\\d\\.\\d)\\d+");

  private final List<Double> train = new ArrayList<>();
  private final List<Integer> heldOutSteps = new ArrayList<>();
  private final List<Double> heldOut = new ArrayList<>();

  /** The loss of the next step's batch. */
  void step(double loss) {
    train.add(loss);
  }

  /** The loss on what was held out, after the steps so far. */
  void heldOut(double loss) {
    heldOutSteps.add(train.size());
    heldOut.add(loss);
  }

  double firstTrain() {
    return train.getFirst();
  }

  /** The mean of the last steps, at most 20. */
  double lastTrain() {
    return mean(Math.max(0, train.size() - 20), train.size());
  }

  double lastHeldOut() {
    return heldOut.getLast();
  }

  private double mean(int from, int to) {
    return train.subList(from, to).stream().mapToDouble(loss -> loss).average().orElse(Double.NaN);
  }

  /**
   * Draws the curve.
   *
   * @param unigram the least held-out loss of whoever only counts bytes
   * @param file an SVG
   */
  void write(double unigram, Path file) throws IOException {
    XYChart chart =
        new XYChartBuilder()
            .width(760)
            .height(400)
            .title("GPT, loss")
            .xAxisTitle("steps")
            .yAxisTitle("nats per byte")
            .build();
    chart.getStyler().setLegendPosition(Styler.LegendPosition.InsideNE);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setPlotGridLinesStroke(new BasicStroke(0.5f));
    chart.getStyler().setYAxisMin(0.0);
    int each = Math.max(1, Math.ceilDiv(train.size(), POINTS));
    List<Integer> steps = new ArrayList<>();
    List<Double> means = new ArrayList<>();
    for (int from = 0; from < train.size(); from += each) {
      int to = Math.min(from + each, train.size());
      steps.add(to);
      means.add(mean(from, to));
    }
    chart.addSeries("training", steps, means).setMarker(SeriesMarkers.NONE);
    chart.addSeries("held out", heldOutSteps, heldOut).setMarker(SeriesMarkers.NONE);
    chart
        .addSeries(
            "counting bytes", new double[] {0, train.size()}, new double[] {unigram, unigram})
        .setMarker(SeriesMarkers.NONE);
    String svg = new String(ChartEncoder.getBytes(chart, "svg"), StandardCharsets.UTF_8);
    Files.writeString(file, TOO_PRECISE.matcher(svg).replaceAll("$1"));
  }
}
