package org.diffusion4j.examples;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.util.stream.IntStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.ChartTheme;
import org.knowm.xchart.style.XYStyler;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Draws time series below each other, on the same axes. */
final class SeriesChart {

  static final int WIDTH = 480;
  static final int HEIGHT = 120;
  private static final Color[] COLORS = {Charts.SMOOTH, new Color(200, 90, 30), Color.GRAY};

  private SeriesChart() {}

  /**
   * One chart for each series, with a line for each channel.
   *
   * @param series {@code [n, channels, length]}
   * @param low of the values
   * @param high of the values
   */
  static BufferedImage draw(INDArray series, double low, double high) {
    int n = (int) series.size(0);
    BufferedImage all = new BufferedImage(WIDTH, n * HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = all.createGraphics();
    for (int i = 0; i < n; i++) {
      graphics.drawImage(one(series.slice(i), low, high), 0, i * HEIGHT, null);
    }
    graphics.dispose();
    return all;
  }

  private static BufferedImage one(INDArray series, double low, double high) {
    XYChart chart =
        new XYChartBuilder().width(WIDTH).height(HEIGHT).theme(ChartTheme.GGPlot2).build();
    int length = (int) series.size(1);
    double[] times = IntStream.range(0, length).asDoubleStream().toArray();
    for (int c = 0; c < series.size(0); c++) {
      double[] values = series.slice(c).toDoubleVector();
      XYSeries line = chart.addSeries("channel " + c, times, values);
      Charts.draw(line, COLORS[c % COLORS.length], 1.5f);
    }
    Charts.roundTicks(chart);
    XYStyler style = chart.getStyler();
    style.setLegendVisible(false);
    style.setYAxisMin(low);
    style.setYAxisMax(high);
    style.setYAxisTickMarkSpacingHint(30);
    style.setXAxisMin(0d);
    style.setXAxisMax((double) length);
    style.setChartPadding(4);
    return BitmapEncoder.getBufferedImage(chart);
  }
}
