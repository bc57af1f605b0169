package org.diffusion4j.examples.serve;

import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Objects;
import org.diffusion4j.examples.serve.PictureModel.Traits;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The part of a picture that is kept when the rest is painted anew. */
final class Known {

  private static final int WHITE = 255;

  private final float[] picture;
  private final float[] kept;

  private Known(float[] picture, float[] kept) {
    this.picture = picture;
    this.kept = kept;
  }

  /**
   * What a picture and a mask of a model's size leave.
   *
   * @param mask white where to paint, black where the picture is kept
   */
  static Known of(BufferedImage picture, BufferedImage mask, Traits traits) {
    int pixels = traits.width() * traits.height();
    float[] values = new float[traits.channels() * pixels];
    float[] kept = new float[pixels];
    for (int i = 0; i < pixels; i++) {
      int x = i % traits.width();
      int y = i / traits.width();
      int rgb = picture.getRGB(x, y);
      for (int c = 0; c < traits.channels(); c++) {
        int value = traits.channels() == 1 ? grey(rgb) : rgb >> (16 - 8 * c) & WHITE;
        values[c * pixels + i] = value / 127.5f - 1;
      }
      kept[i] = 1 - grey(mask.getRGB(x, y)) / (float) WHITE;
    }
    return new Known(values, kept);
  }

  /** The luma of a colour in sRGB (ITU-R BT.601), in [0, 255]. */
  private static int grey(int rgb) {
    return (299 * (rgb >> 16 & WHITE) + 587 * (rgb >> 8 & WHITE) + 114 * (rgb & WHITE)) / 1000;
  }

  /** Whether nothing is left to paint. */
  boolean isAll() {
    for (float value : kept) {
      if (value < 1) {
        return false;
      }
    }
    return true;
  }

  /** The pictures of samples, {@code [n, channels, height, width]} in [-1, 1]. */
  static INDArray pictures(List<Sample> samples, Traits traits) {
    float[][] rows = samples.stream().map(s -> of(s).picture).toArray(float[][]::new);
    return array(rows, traits.channels(), traits);
  }

  /** Where they are kept, {@code [n, 1, height, width]}: 1 there, 0 where to paint. */
  static INDArray masks(List<Sample> samples, Traits traits) {
    return array(samples.stream().map(s -> of(s).kept).toArray(float[][]::new), 1, traits);
  }

  private static Known of(Sample sample) {
    return Objects.requireNonNull(sample.known());
  }

  private static INDArray array(float[][] rows, int channels, Traits traits) {
    float[] all = new float[rows.length * rows[0].length];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(rows[i], 0, all, i * rows[i].length, rows[i].length);
    }
    return Nd4j.create(
        all, new long[] {rows.length, channels, traits.height(), traits.width()}, 'c');
  }
}
