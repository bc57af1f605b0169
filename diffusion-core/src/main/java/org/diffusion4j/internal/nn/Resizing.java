package org.diffusion4j.internal.nn;

import java.util.function.IntFunction;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;

/** Changes of height and width, or of the width alone on a line. */
final class Resizing {

  private final Layers layers;
  private final boolean plane;

  Resizing(Layers layers) {
    this.layers = layers;
    plane = layers.grid() == Grid.PLANE;
  }

  /**
   * A convolution that halves the size.
   *
   * @param padding 1 pads every side and rounds odd sizes up; 0 pads the bottom and the right side
   *     and rounds down
   */
  FeatureMap convolved(String name, FeatureMap x, int padding) {
    int channels = x.channels();
    SDVariable from = x.value();
    PaddingMode mode = PaddingMode.VALID;
    boolean oddHeight = plane && x.height() % 2 == 1;
    boolean oddWidth = x.width() % 2 == 1;
    if (padding == 0 && plane && oddHeight != oddWidth) {
      from =
          mapped(
              x,
              oddHeight ? null : padding(x.height()),
              oddWidth ? null : padding(x.width()),
              x.height() + (oddHeight ? 0 : 1),
              x.width() + (oddWidth ? 0 : 1));
    } else if (padding == 0 && !oddWidth) {
      mode = PaddingMode.SAME;
    }
    SDVariable y = layers.conv(name, from, channels, channels, 3, 2, padding, mode);
    return sized(x, y, padding);
  }

  /** Averages of 2x2 pixels, without a last odd row or column. */
  FeatureMap averaged(FeatureMap x) {
    return sized(x, layers.averagePool(x.value()), 0);
  }

  private FeatureMap sized(FeatureMap x, SDVariable y, int added) {
    int height = plane ? (x.height() + added) / 2 : x.height();
    return new FeatureMap(y, x.channels(), height, (x.width() + added) / 2);
  }

  FeatureMap doubled(FeatureMap x) {
    int height = plane ? 2 * x.height() : x.height();
    return new FeatureMap(layers.nearest(x.value()), x.channels(), height, 2 * x.width());
  }

  /** The nearest pixels for another size. */
  FeatureMap nearest(FeatureMap x, int height, int width) {
    FeatureMap doubled = doubled(x);
    if (doubled.height() == height && doubled.width() == width) {
      return doubled;
    }
    SDVariable y =
        mapped(x, nearestRows(x.height(), height), nearestRows(x.width(), width), height, width);
    return new FeatureMap(y, x.channels(), height, width);
  }

  /** Half the size, by the filter (1, 3, 3, 1) / 8 on every second pixel of rows and columns. */
  FeatureMap filteredDown(FeatureMap x) {
    return mapped(x, from -> matrix(from, from / 2, (i, j) -> tap(j - 2 * i + 1) / 8), 1, 2);
  }

  /** Twice the size, by the filter (1, 3, 3, 1) / 4 on pixels with zeros between them. */
  FeatureMap filteredUp(FeatureMap x) {
    return mapped(x, from -> matrix(from, 2 * from, (i, j) -> tap(2 * j - i + 2) / 4), 2, 1);
  }

  private static float tap(int k) {
    return k == 0 || k == 3 ? 1 : k == 1 || k == 2 ? 3 : 0;
  }

  /** The same for rows, if there are any, and columns. */
  private FeatureMap mapped(FeatureMap x, IntFunction<SDVariable> matrix, int factor, int divisor) {
    int height = plane ? x.height() * factor / divisor : x.height();
    int width = x.width() * factor / divisor;
    SDVariable rows = plane ? matrix.apply(x.height()) : null;
    return new FeatureMap(
        mapped(x, rows, matrix.apply(x.width()), height, width), x.channels(), height, width);
  }

  private SDVariable nearestRows(int from, int to) {
    // As in PyTorch, in float.
    float scale = (float) from / to;
    return selection(from, to, i -> Math.min((int) (i * scale), from - 1));
  }

  /** One more row, of zeros. */
  private SDVariable padding(int size) {
    return selection(size, size + 1, i -> i < size ? i : -1);
  }

  /** A matrix whose product with a row selects entries of the row. */
  private SDVariable selection(int from, int to, IntUnaryOperator source) {
    return matrix(from, to, (i, j) -> j == source.applyAsInt(i) ? 1 : 0);
  }

  private interface Weight {

    /** How much entry j of a row is in entry i of the product. */
    float of(int i, int j);
  }

  private SDVariable matrix(int from, int to, Weight weight) {
    float[] matrix = new float[from * to];
    for (int j = 0; j < from; j++) {
      for (int i = 0; i < to; i++) {
        matrix[j * to + i] = weight.of(i, j);
      }
    }
    return layers.constant(matrix, from, to);
  }

  /**
   * Multiplies all columns and all rows by a matrix each. Products with zeros and ones are exact;
   * all have simple gradients.
   */
  private SDVariable mapped(
      FeatureMap x,
      @Nullable SDVariable rows,
      @Nullable SDVariable columns,
      int height,
      int width) {
    SDVariable y = x.value();
    if (columns != null) {
      y = layers.sd.reshape(y, -1, x.width()).mmul(columns);
      y = layers.sd.reshape(y, -1, x.channels(), x.height(), width);
    }
    if (rows != null) {
      y = layers.sd.reshape(layers.sd.permute(y, 0, 1, 3, 2), -1, x.height()).mmul(rows);
      y = layers.sd.permute(layers.sd.reshape(y, -1, x.channels(), width, height), 0, 1, 3, 2);
    }
    return y;
  }
}
