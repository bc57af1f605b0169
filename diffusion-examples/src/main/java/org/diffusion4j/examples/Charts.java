package org.diffusion4j.examples;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.Histogram;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler.ChartTheme;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Charts of losses and of distributions. */
final class Charts {

  static final Color RAW = new Color(180, 200, 225);
  static final Color SMOOTH = new Color(20, 80, 160);

  private Charts() {}

  /** The loss of each step and its moving average. */
  static BufferedImage loss(double[] losses) {
    int window = Math.max(1, losses.length / 25);
    double[] steps = IntStream.rangeClosed(1, losses.length).asDoubleStream().toArray();
    XYChart chart =
        new XYChartBuilder()
            .width(900)
            .height(500)
            .theme(ChartTheme.GGPlot2)
            .title("Training loss")
            .xAxisTitle("step")
            .yAxisTitle("mean squared error")
            .build();
    double[] smooth = movingAverage(losses, window);
    // The first steps are far above the others and would flatten the curve.
    double most = 2.5 * Arrays.stream(smooth, smooth.length / 10, smooth.length).max().orElse(1);
    chart.getStyler().setYAxisMin(0.0).setYAxisMax(most);
    draw(chart.addSeries("each step", steps, losses), RAW, 1);
    draw(chart.addSeries("mean of " + window + " steps", steps, smooth), SMOOTH, 2.5f);
    return BitmapEncoder.getBufferedImage(chart);
  }

  static void draw(XYSeries series, Color color, float width) {
    series.setMarker(SeriesMarkers.NONE).setLineColor(color).setLineStyle(new BasicStroke(width));
  }

  /** The mean of each value and of those before it, {@code window} in all or fewer. */
  static double[] movingAverage(double[] values, int window) {
    double[] means = new double[values.length];
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      sum += values[i] - (i >= window ? values[i - window] : 0);
      means[i] = sum / Math.min(i + 1, window);
    }
    return means;
  }

  /** A histogram over [-4, 4], as a density; numbers outside are left out. */
  static BufferedImage histogram(double[] values) {
    // Bars of 0.1 whose middles are round numbers.
    double low = -4.05;
    double high = 4.05;
    int bins = 81;
    List<Double> inside =
        DoubleStream.of(values).filter(v -> v >= low && v <= high).boxed().toList();
    Histogram histogram = new Histogram(inside, bins, low, high);
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(520)
            .height(400)
            .theme(ChartTheme.GGPlot2)
            .yAxisTitle("density")
            .build();
    double unit = values.length * (high - low) / bins;
    List<Double> density = histogram.getyAxisData().stream().map(count -> count / unit).toList();
    CategoryStyler style = chart.getStyler();
    style.setAvailableSpaceFill(0.95);
    style.setLegendVisible(false);
    style.setXAxisDecimalPattern("0");
    style.setXAxisMaxLabelCount(9);
    style.setYAxisMax(0.5);
    chart.addSeries("values", histogram.getxAxisData(), density).setFillColor(SMOOTH);
    return BitmapEncoder.getBufferedImage(chart);
  }
}
