package org.diffusion4j.examples;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.stream.DoubleStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.Histogram;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler.ChartTheme;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Charts of distributions, and the style of all charts. */
final class Charts {

  static final Color RAW = new Color(180, 200, 225);
  static final Color SMOOTH = new Color(20, 80, 160);

  private Charts() {}

  static void draw(XYSeries series, Color color, float width) {
    series.setMarker(SeriesMarkers.NONE).setLineColor(color).setLineStyle(new BasicStroke(width));
  }

  /**
   * Places ticks at round numbers, far enough apart to be readable.
   *
   * <p>If data are evenly spaced, as steps are, XChart places the ticks at the data. A hidden
   * series with uneven spacing prevents this.
   */
  static void roundTicks(XYChart chart) {
    XYSeries uneven =
        chart.addSeries("uneven", new double[] {0, 0.5, 3}, new double[] {1, 1.001, 1.003});
    uneven.setEnabled(false).setShowInLegend(false);
    chart
        .getStyler()
        .setXAxisTickMarkSpacingHint(80)
        .setYAxisTickMarkSpacingHint(50)
        .setXAxisDecimalPattern("0")
        .setYAxisDecimalPattern("0.##########");
  }

  /** Starts a logarithmic axis at a power of ten, because XChart labels only those. */
  static void startAtPowerOfTen(XYChart chart) {
    chart.getSeriesMap().values().stream()
        .filter(XYSeries::isEnabled)
        .mapToDouble(XYSeries::getYMin)
        .min()
        .ifPresent(
            least -> chart.getStyler().setYAxisMin(Math.pow(10, Math.floor(Math.log10(least)))));
  }

  /** A histogram over [-4, 4] as a density; numbers outside are ignored. */
  static BufferedImage histogram(double[] values) {
    // Bars of width 0.1 centred at round numbers.
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
            .xAxisTitle("value")
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
    style.setYAxisDecimalPattern("0.0");
    style.setYAxisTickMarkSpacingHint(60);
    chart.addSeries("values", histogram.getxAxisData(), density).setFillColor(SMOOTH);
    return BitmapEncoder.getBufferedImage(chart);
  }
}
