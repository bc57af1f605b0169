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
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler.ChartTheme;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Charts of distributions, and the looks of all charts. */
final class Charts {

  static final Color RAW = new Color(180, 200, 225);
  static final Color SMOOTH = new Color(20, 80, 160);

  private Charts() {}

  static void draw(XYSeries series, Color color, float width) {
    series.setMarker(SeriesMarkers.NONE).setLineColor(color).setLineStyle(new BasicStroke(width));
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
