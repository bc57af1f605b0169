package org.diffusion4j.examples;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.ChartTheme;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Charts of a training: its losses, gradient norm and learning rate by step. */
final class TrainingCharts {

  static final int WIDTH = 720;
  static final int HEIGHT = 440;

  /** More points than pixels take long to draw and are not visible. */
  private static final int POINTS = 2000;

  private static final Color VALIDATION = new Color(200, 80, 30);
  private static final List<Color> QUARTILES =
      List.of(
          new Color(20, 80, 160),
          new Color(60, 150, 110),
          new Color(220, 150, 30),
          new Color(190, 50, 50));

  private final TrainingLog log;

  private TrainingCharts(TrainingLog log) {
    this.log = log;
  }

  /** Four charts in two rows. */
  static BufferedImage of(TrainingLog log) throws IOException {
    TrainingCharts charts = new TrainingCharts(log);
    List<XYChart> all =
        List.of(charts.loss(), charts.quartiles(), charts.gradientNorm(), charts.learningRate());
    BufferedImage sheet = new BufferedImage(2 * WIDTH, 2 * HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = sheet.createGraphics();
    for (int i = 0; i < all.size(); i++) {
      graphics.drawImage(
          BitmapEncoder.getBufferedImage(all.get(i)), i % 2 * WIDTH, i / 2 * HEIGHT, null);
    }
    graphics.dispose();
    return sheet;
  }

  private XYChart loss() throws IOException {
    XYChart chart = chart("Loss", "loss", false);
    add(chart, "each step", "loss", Charts.RAW, 1);
    add(chart, "smoothed", "smoothed_loss", Charts.SMOOTH, 2.5f);
    add(chart, "validation", "validation_loss", VALIDATION, 2.5f);
    // The first losses are far above the others and would flatten the curve.
    double[] smooth = log.column("smoothed_loss");
    double most =
        IntStream.range(smooth.length / 10, smooth.length)
            .mapToDouble(i -> smooth[i])
            .max()
            .orElse(1);
    if (most > 0 && Double.isFinite(most)) {
      chart.getStyler().setYAxisMin(0.0).setYAxisMax(2.5 * most);
    }
    return chart;
  }

  private XYChart quartiles() throws IOException {
    XYChart chart = chart("Smoothed loss by quarter of the noise schedule", "loss", true);
    List<String> names = List.of("least noise", "second", "third", "most noise");
    for (int i = 0; i < names.size(); i++) {
      add(chart, names.get(i), "loss_" + (i + 1), QUARTILES.get(i), 2);
    }
    Charts.startAtPowerOfTen(chart);
    return chart;
  }

  private XYChart gradientNorm() throws IOException {
    XYChart chart = chart("Gradient norm before clipping", "norm", true);
    add(chart, "gradient norm", "gradient_norm", Charts.SMOOTH, 1);
    Charts.startAtPowerOfTen(chart);
    chart.getStyler().setLegendVisible(false);
    return chart;
  }

  private XYChart learningRate() throws IOException {
    XYChart chart = chart("Learning rate", "learning rate", false);
    add(chart, "learning rate", "learning_rate", Charts.SMOOTH, 2);
    chart.getStyler().setYAxisMin(0.0).setLegendVisible(false);
    return chart;
  }

  private static XYChart chart(String title, String yAxis, boolean logarithmic) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .theme(ChartTheme.GGPlot2)
            .title(title)
            .xAxisTitle("step")
            .yAxisTitle(yAxis)
            .build();
    Charts.roundTicks(chart);
    chart
        .getStyler()
        .setXAxisMin(0.0)
        .setYAxisLogarithmic(logarithmic)
        .setChartPadding(18)
        .setLegendPosition(LegendPosition.OutsideS)
        .setLegendLayout(LegendLayout.Horizontal);
    return chart;
  }

  /** Adds the values of a column that the axis can show, if there are any. */
  private void add(XYChart chart, String name, String column, Color color, float width)
      throws IOException {
    double[] steps = log.column("step");
    double[] values = log.column(column);
    double least = chart.getStyler().isYAxisLogarithmic() ? Double.MIN_NORMAL : -Double.MAX_VALUE;
    int[] rows =
        IntStream.range(0, values.length)
            .filter(i -> values[i] >= least && values[i] <= Double.MAX_VALUE)
            .toArray();
    int stride = (rows.length + POINTS - 1) / POINTS;
    if (rows.length > 0) {
      int[] shown = IntStream.range(0, rows.length).filter(i -> i % stride == 0).toArray();
      XYSeries series =
          chart.addSeries(
              name,
              IntStream.of(shown).mapToDouble(i -> steps[rows[i]] + 1).toArray(),
              IntStream.of(shown).mapToDouble(i -> values[rows[i]]).toArray());
      Charts.draw(series, color, width);
      if (rows.length == 1) {
        series.setMarker(SeriesMarkers.CIRCLE).setMarkerColor(color);
      }
    }
  }
}
