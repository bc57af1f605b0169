package org.diffusion4j.text;

import java.awt.image.BufferedImage;
import java.util.Arrays;
import org.diffusion4j.internal.common.Detached;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Pictures of a request, on the heap, so that requests need not be closed.
 *
 * @param values {@code [count, channels, height, width]} in C order; not changed
 */
record Pixels(float[] values, int count, int channels, int height, int width) {

  /** What fits into an array on the heap. */
  private static final int MOST_VALUES = Integer.MAX_VALUE - 8;

  /** A copy of an array. */
  static Pixels of(String what, INDArray array) {
    if (array.wasClosed() || array.dataType() != DataType.FLOAT || array.rank() != 4) {
      throw new IllegalArgumentException(
          what
              + " must be FLOAT [n, channels, height, width] but were "
              + (array.wasClosed()
                  ? "closed"
                  : array.dataType() + " " + Arrays.toString(array.shape())));
    }
    if (array.length() < 1 || array.length() > MOST_VALUES) {
      throw new IllegalArgumentException(
          what + " must have 1 to 2^31 values but have shape " + Arrays.toString(array.shape()));
    }
    float[] values;
    try (INDArray copy = Detached.get(() -> array.dup('c'))) {
      values = copy.data().asFloat();
    }
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw new IllegalArgumentException(what + " must be finite but one value is " + value);
      }
    }
    return new Pixels(
        values, (int) array.size(0), (int) array.size(1), (int) array.size(2), (int) array.size(3));
  }

  /** Red, green and blue in [-1, 1], on white where the picture is transparent. */
  static Pixels of(BufferedImage picture) {
    int height = picture.getHeight();
    int width = picture.getWidth();
    float[] values = new float[length(3, height, width)];
    int[] row = new int[width];
    for (int y = 0; y < height; y++) {
      picture.getRGB(0, y, width, 1, row, 0, width);
      for (int x = 0; x < width; x++) {
        int alpha = row[x] >>> 24;
        for (int c = 0; c < 3; c++) {
          int value = row[x] >> (16 - 8 * c) & 255;
          float onWhite = (value * alpha + 255 * (255 - alpha)) / (255f * 255f);
          values[(c * height + y) * width + x] = 2 * onWhite - 1;
        }
      }
    }
    return new Pixels(values, 1, 3, height, width);
  }

  /** Brightness in [0, 1]; what is transparent is black. */
  static Pixels maskOf(BufferedImage picture) {
    int height = picture.getHeight();
    int width = picture.getWidth();
    float[] values = new float[length(1, height, width)];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int argb = picture.getRGB(x, y);
        double luma = 0.299 * (argb >> 16 & 255) + 0.587 * (argb >> 8 & 255) + 0.114 * (argb & 255);
        values[y * width + x] = (float) (luma / 255 * (argb >>> 24) / 255);
      }
    }
    return new Pixels(values, 1, 1, height, width);
  }

  private static int length(int channels, int height, int width) {
    long length = (long) channels * height * width;
    if (length > MOST_VALUES) {
      throw new IllegalArgumentException(
          "images must have at most 2^31 values but one has " + width + " x " + height + " pixels");
    }
    return (int) length;
  }

  long[] shape() {
    return new long[] {count, channels, height, width};
  }

  /**
   * The pictures of some samples.
   *
   * @param first the first sample
   * @param n number of samples
   * @param of number of samples in all, a multiple of the number of these pictures; each is
   *     repeated for samples that follow each other
   * @return a new array {@code [n, channels, height, width]}
   */
  INDArray rows(int first, int n, int of) {
    int size = channels * height * width;
    if ((long) n * size > MOST_VALUES) {
      throw new IllegalArgumentException(
          "images of a batch must have at most 2^31 values but have "
              + (long) n * size
              + ", with a batch size of "
              + n);
    }
    float[] rows = new float[n * size];
    for (int i = 0; i < n; i++) {
      int from = (int) ((long) (first + i) * count / of);
      System.arraycopy(values, from * size, rows, i * size, size);
    }
    return Nd4j.create(rows, new long[] {n, channels, height, width}, 'c');
  }

  @Override
  public String toString() {
    return "Pixels" + Arrays.toString(shape());
  }
}
