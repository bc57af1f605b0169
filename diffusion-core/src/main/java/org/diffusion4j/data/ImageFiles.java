package org.diffusion4j.data;

import java.awt.image.BufferedImage;
import java.awt.image.WritableRaster;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import javax.imageio.stream.FileImageOutputStream;
import javax.imageio.stream.ImageOutputStream;
import org.diffusion4j.internal.AtomicFiles;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Writes samples as PNG images, and reads an image as a sample. Values in [-1, 1] become bytes,
 * {@code (x / 2 + 0.5) * 255} rounded half to even. Values outside are clamped; NaN is refused.
 * Files are written completely or not at all; missing directories are created.
 */
public final class ImageFiles {

  private static final int MARGIN = 1;
  private static final int MARGIN_GRAY = 64;
  private static final long MOST_PIXELS = 1L << 28;

  private ImageFiles() {}

  /**
   * Writes a sample as a gray or RGB image.
   *
   * @param file the file to write
   * @param sample {@code [channels, height, width]}, 1 or 3 channels
   * @throws IllegalArgumentException if the shape is another or a value is NaN
   * @throws IOException if the file cannot be written
   */
  public static void writePng(Path file, INDArray sample) throws IOException {
    write(file, draw(single(sample), 1, 1, 0, sample.size(0) == 1));
  }

  /**
   * Writes a grid of samples, row by row, separated by lines of one pixel.
   *
   * @param file the file to write
   * @param samples {@code [n, channels, height, width]}, 1 or 3 channels
   * @param columns number of samples per row, at least 1
   * @param scale magnification, at least 1
   * @throws IllegalArgumentException if the shape is another, a value is NaN or the picture would
   *     have more than 2^28 pixels
   * @throws IOException if the file cannot be written
   */
  public static void writeGrid(Path file, INDArray samples, int columns, int scale)
      throws IOException {
    write(file, draw(batch(samples), columns, scale, MARGIN, samples.size(1) == 1));
  }

  /**
   * Draws a sample.
   *
   * @param sample {@code [channels, height, width]}, 1 or 3 channels
   * @return a picture of type {@link BufferedImage#TYPE_INT_RGB}
   * @throws IllegalArgumentException if the shape is another or a value is NaN
   */
  public static BufferedImage image(INDArray sample) {
    return draw(single(sample), 1, 1, 0, false);
  }

  /**
   * Draws a grid of samples.
   *
   * @return a picture of type {@link BufferedImage#TYPE_INT_RGB}
   * @see #writeGrid
   */
  public static BufferedImage grid(INDArray samples, int columns, int scale) {
    return draw(batch(samples), columns, scale, MARGIN, false);
  }

  /**
   * Reads an image of a format that {@link ImageFolder} reads, as it does: rotated, scaled and
   * cropped to the shape of a sample, with values in [-1, 1].
   *
   * @param file the image
   * @param shape {@code {channels, height, width}} with 1 channel (gray) or 3, for example that of
   *     a model's samples
   * @return {@code [channels, height, width]}
   * @throws IllegalArgumentException if the shape is another
   * @throws IOException naming the file, as {@link ImageFolder#read} does
   */
  public static INDArray read(Path file, long... shape) throws IOException {
    if (shape.length != 3 || (shape[0] != 1 && shape[0] != 3)) {
      throw new IllegalArgumentException(
          "shape must be {channels, height, width} with 1 or 3 channels but was "
              + Arrays.toString(shape));
    }
    float[] values = new float[Samples.length(shape)];
    new ImageDecoder((int) shape[0], (int) shape[1], (int) shape[2], ImageDecoder.WHITE)
        .decode(file, values);
    return Nd4j.create(values, shape.clone(), 'c');
  }

  private static void write(Path file, BufferedImage image) throws IOException {
    AtomicFiles.writeFile(
        file,
        path -> {
          try (ImageOutputStream out = new FileImageOutputStream(path.toFile())) {
            if (!ImageIO.write(image, "png", out)) {
              throw new IOException(file + ": this Java runtime cannot write PNG");
            }
          }
        });
  }

  /** The bytes of {@code n} images, {@code [n, channels, height, width]} in C order. */
  private static final class Pictures {
    private final int n;
    private final int channels;
    private final int height;
    private final int width;
    private final byte[] bytes;

    private Pictures(int n, int channels, int height, int width, byte[] bytes) {
      this.n = n;
      this.channels = channels;
      this.height = height;
      this.width = width;
      this.bytes = bytes;
    }
  }

  private static Pictures single(INDArray sample) {
    if (sample.rank() != 3) {
      throw wrongShape("sample must have shape [channels, height, width]", sample);
    }
    return pictures(sample, 1, 0);
  }

  private static Pictures batch(INDArray samples) {
    if (samples.rank() != 4) {
      throw wrongShape("samples must have shape [n, channels, height, width]", samples);
    }
    return pictures(samples, samples.size(0), 1);
  }

  private static Pictures pictures(INDArray samples, long n, int channelAxis) {
    long channels = samples.size(channelAxis);
    if (samples.isEmpty() || (channels != 1 && channels != 3)) {
      throw wrongShape("samples must be at least one, of 1 or 3 channels", samples);
    }
    requirePixels(samples.length());
    double[] values = Samples.doubles(samples);
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      if (Double.isNaN(values[i])) {
        throw new IllegalArgumentException(
            "samples must be numbers but are NaN at " + Arrays.toString(index(i, samples.shape())));
      }
      double clamped = Math.max(-1, Math.min(1, values[i]));
      bytes[i] = (byte) Math.rint((clamped / 2 + 0.5) * 255);
    }
    return new Pictures(
        (int) n,
        (int) channels,
        (int) samples.size(channelAxis + 1),
        (int) samples.size(channelAxis + 2),
        bytes);
  }

  private static long[] index(long offset, long[] shape) {
    long[] index = new long[shape.length];
    long rest = offset;
    for (int d = shape.length - 1; d >= 0; d--) {
      index[d] = rest % shape[d];
      rest /= shape[d];
    }
    return index;
  }

  private static BufferedImage draw(
      Pictures pictures, int columns, int scale, int margin, boolean gray) {
    if (columns < 1 || scale < 1) {
      throw new IllegalArgumentException(
          "columns and scale must be at least 1 but were " + columns + " and " + scale);
    }
    int across = Math.min(columns, pictures.n);
    int down = (pictures.n + across - 1) / across;
    long cellWidth = (long) pictures.width * scale + margin;
    long cellHeight = (long) pictures.height * scale + margin;
    long width = across * cellWidth + margin;
    long height = down * cellHeight + margin;
    requirePixels(width, height);
    BufferedImage image =
        new BufferedImage(
            (int) width,
            (int) height,
            gray ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_INT_RGB);
    WritableRaster raster = image.getRaster();
    int[] line = new int[(int) width];
    for (int band = 0; band < raster.getNumBands(); band++) {
      for (int y = 0; y < height; y++) {
        Arrays.fill(line, MARGIN_GRAY);
        long inCell = y % cellHeight - margin;
        if (inCell >= 0) {
          int row = (int) (y / cellHeight);
          fill(line, pictures, row * across, across, band, (int) (inCell / scale), scale, margin);
        }
        raster.setSamples(0, y, (int) width, 1, band, line);
      }
    }
    return image;
  }

  /** Draws row {@code y} of some images into a line of the grid. */
  private static void fill(
      int[] line, Pictures p, int first, int count, int band, int y, int scale, int margin) {
    int channel = Math.min(band, p.channels - 1);
    for (int i = 0; i < count && first + i < p.n; i++) {
      int from = (((first + i) * p.channels + channel) * p.height + y) * p.width;
      int to = i * (p.width * scale + margin) + margin;
      for (int x = 0; x < p.width * scale; x++) {
        line[to + x] = Byte.toUnsignedInt(p.bytes[from + x / scale]);
      }
    }
  }

  private static void requirePixels(long width, long height) {
    if (width > MOST_PIXELS || height > MOST_PIXELS || width * height > MOST_PIXELS) {
      throw new IllegalArgumentException(
          "picture must have at most 2^28 pixels but would have " + width + " x " + height);
    }
  }

  private static void requirePixels(long values) {
    if (values > 3 * MOST_PIXELS) {
      throw new IllegalArgumentException(
          "samples must have at most 3 * 2^28 values but have " + values);
    }
  }

  private static IllegalArgumentException wrongShape(String requirement, INDArray array) {
    return new IllegalArgumentException(requirement + " but had " + Arrays.toString(array.shape()));
  }
}
