package org.diffusion4j.data;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import javax.imageio.IIOException;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.diffusion4j.internal.common.Shown;

/**
 * Decodes files in formats of ImageIO to values in [-1, 1], scaled to one size and rotated upright.
 *
 * @param ground background colour of transparent parts: red, green and blue, each in [0, 255]
 */
record ImageDecoder(int channels, int height, int width, List<Integer> ground) {

  static final long MOST_PIXELS = 64_000_000;
  static final long MOST_BYTES = 1L << 30;

  /** A deflated byte holds at most 8256 pixels of one bit; small images may have more. */
  private static final long MOST_PIXELS_A_BYTE = 10_000;

  private static final long MOST_PLAIN_PIXELS = 4_000_000;
  static final List<Integer> WHITE = List.of(255, 255, 255);

  private static final int MOST_SHOWN = 200;
  private static final String WBMP = "wbmp";
  private static final String UNSUPPORTED = "Unsupported Image Type";

  /** Luma of ITU-R BT.601, as in Pillow's and OpenCV's conversions to gray. */
  private static final float RED = 0.299f;

  private static final float GREEN = 0.587f;
  private static final float BLUE = 0.114f;

  /**
   * Decodes a file.
   *
   * @param into receives the values, {@code [channels, height, width]} in C order
   */
  void decode(Path file, float[] into) throws IOException {
    long bytes = DataFiles.requireFile(file);
    if (bytes > MOST_BYTES) {
      throw new IOException(
          DataFiles.show(file) + ": must have at most " + MOST_BYTES + " bytes but has " + bytes);
    }
    try {
      Picture picture = read(file, bytes);
      try {
        resample(picture.image, picture.orientation, into);
      } catch (RuntimeException e) {
        throw new IOException(
            DataFiles.show(file) + ": cannot be converted: " + Shown.text(e, MOST_SHOWN), e);
      }
    } catch (OutOfMemoryError e) {
      throw DataFiles.tooLarge(file, e);
    }
  }

  private record Picture(BufferedImage image, Orientation orientation) {}

  private static Picture read(Path file, long bytes) throws IOException {
    try (InputStream raw = new BufferedInputStream(Files.newInputStream(file));
        ImageInputStream in = new MemoryCacheImageInputStream(raw)) {
      Orientation orientation = Orientation.read(in);
      ImageReader reader = reader(in, ImageFormats.extension(String.valueOf(file.getFileName())));
      try {
        return new Picture(read(reader, in, bytes), orientation);
      } finally {
        reader.dispose();
      }
    } catch (IOException | RuntimeException | StackOverflowError e) {
      // Decoders throw various runtime exceptions for damaged files.
      throw new IOException(
          DataFiles.show(file)
              + ": cannot be read as an image: "
              + Shown.text(message(e), MOST_SHOWN),
          e);
    }
  }

  private static ImageReader reader(ImageInputStream in, String extension) throws IOException {
    for (Iterator<ImageReader> readers = ImageIO.getImageReaders(in); readers.hasNext(); ) {
      ImageReader reader = readers.next();
      // By content, every file that begins with zeros could be WBMP.
      if (!reader.getFormatName().equalsIgnoreCase(WBMP) || extension.equals(WBMP)) {
        return reader;
      }
      reader.dispose();
    }
    byte[] head = new byte[16];
    in.seek(0);
    int read = in.read(head);
    throw new IOException(ImageFormats.describe(Arrays.copyOf(head, Math.max(0, read))));
  }

  private static BufferedImage read(ImageReader reader, ImageInputStream in, long bytes)
      throws IOException {
    reader.setInput(in, true, true);
    long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
    if (pixels > MOST_PIXELS) {
      throw new IOException("it must have at most " + MOST_PIXELS + " pixels but has " + pixels);
    }
    if (pixels > MOST_PLAIN_PIXELS + MOST_PIXELS_A_BYTE * bytes) {
      // Some decoders take a minute to detect that there is no data.
      throw new IOException("it has " + bytes + " bytes, too few for " + pixels + " pixels");
    }
    List<String> warnings = new ArrayList<>();
    reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
    BufferedImage image = decode(reader);
    for (String warning : warnings) {
      // A truncated JPEG decodes with a warning; the rest of the image is gray.
      if (warning.contains("Premature end")
          || warning.contains("Truncated")
          || warning.contains("Corrupt JPEG data")) {
        throw new IOException(warning);
      }
    }
    return image;
  }

  private static BufferedImage decode(ImageReader reader) throws IOException {
    try {
      return reader.read(0);
    } catch (IIOException e) {
      if (UNSUPPORTED.equals(e.getMessage())) {
        throw new IOException(
            "its colours, such as CMYK, are not those of this reader;"
                + " com.twelvemonkeys.imageio:imageio-jpeg on the class path reads CMYK",
            e);
      }
      throw e;
    }
  }

  private static String message(Throwable e) {
    String message = e instanceof EOFException ? "it is truncated" : e.getMessage();
    if (!(e instanceof IOException) || message == null) {
      return e.toString();
    }
    Throwable cause = e.getCause();
    return cause == null ? message : message + " (" + cause.getMessage() + ")";
  }

  private void resample(BufferedImage image, Orientation orientation, float[] into) {
    int w = image.getWidth();
    int h = image.getHeight();
    // The size of the stored image.
    int wide = orientation.transposed() ? height : width;
    int high = orientation.transposed() ? width : height;
    double scale = Math.max((double) wide / w, (double) high / h);
    Resampling across = Resampling.of(w, Math.max(wide, Math.round(w * scale)), wide);
    Resampling down = Resampling.of(h, Math.max(high, Math.round(h * scale)), high);
    across = orientation.mirrored() ? across.mirrored(w) : across;
    down = orientation.flipped() ? down.mirrored(h) : down;
    int top = down.begin();
    float[][] rows = new float[down.end() - top][];
    float[] line = new float[w * channels];
    for (int y = 0; y < rows.length; y++) {
      readLine(image, top + y, line);
      rows[y] = across(across, line, wide);
    }
    int plane = height * width;
    int toTheRight = orientation.transposed() ? width : 1;
    int downwards = orientation.transposed() ? 1 : width;
    for (int y = 0; y < high; y++) {
      float[] weights = down.weights[y];
      for (int i = 0; i < wide * channels; i++) {
        float sum = 0;
        for (int k = 0; k < weights.length; k++) {
          sum += weights[k] * rows[down.first[y] - top + k][i];
        }
        float value = sum / 127.5f - 1;
        into[i % channels * plane + y * downwards + i / channels * toTheRight] =
            Math.max(-1, Math.min(1, value));
      }
    }
  }

  private float[] across(Resampling across, float[] line, int wide) {
    float[] row = new float[wide * channels];
    for (int x = 0; x < wide; x++) {
      float[] weights = across.weights[x];
      for (int k = 0; k < weights.length; k++) {
        int from = (across.first[x] + k) * channels;
        for (int c = 0; c < channels; c++) {
          row[x * channels + c] += weights[k] * line[from + c];
        }
      }
    }
    return row;
  }

  /** Reads a row of pixels in [0, 255], channels interleaved, composed with the background. */
  private void readLine(BufferedImage image, int y, float[] line) {
    ColorModel model = image.getColorModel();
    ColorSpace space = model.getColorSpace();
    // getRGB treats gray as linear light and brightens it, and reduces 16 bits to 8.
    boolean direct =
        model instanceof ComponentColorModel
            && model.getTransferType() <= DataBuffer.TYPE_USHORT
            && (space.getType() == ColorSpace.TYPE_GRAY || space.isCS_sRGB());
    if (direct) {
      readSamples(image, y, line);
    } else {
      readColours(image, y, line);
    }
  }

  private void readSamples(BufferedImage image, int y, float[] line) {
    ColorModel model = image.getColorModel();
    Raster raster = image.getRaster();
    int colours = model.getNumColorComponents();
    int bands = raster.getNumBands();
    int w = image.getWidth();
    float[] samples = raster.getPixels(0, y, w, 1, (float[]) null);
    float unit = 255f / ((1 << model.getComponentSize(0)) - 1);
    float opaque = model.hasAlpha() ? (1 << model.getComponentSize(colours)) - 1 : 1;
    boolean premultiplied = model.isAlphaPremultiplied();
    for (int x = 0; x < w; x++) {
      int from = x * bands;
      float alpha = model.hasAlpha() ? samples[from + colours] / opaque : 1;
      float factor = premultiplied ? unit : unit * alpha;
      float red = samples[from] * factor;
      float green = colours == 1 ? red : samples[from + 1] * factor;
      float blue = colours == 1 ? red : samples[from + 2] * factor;
      put(line, x, red, green, blue, 1 - alpha);
    }
  }

  private void readColours(BufferedImage image, int y, float[] line) {
    int[] colours = image.getRGB(0, y, image.getWidth(), 1, null, 0, image.getWidth());
    for (int x = 0; x < colours.length; x++) {
      int argb = colours[x];
      float alpha = (argb >>> 24) / 255f;
      float red = (argb >> 16 & 255) * alpha;
      float green = (argb >> 8 & 255) * alpha;
      put(line, x, red, green, (argb & 255) * alpha, 1 - alpha);
    }
  }

  private void put(float[] line, int x, float red, float green, float blue, float clear) {
    if (clear > 0) {
      float r = red + clear * ground.get(0);
      float g = green + clear * ground.get(1);
      float b = blue + clear * ground.get(2);
      put(line, x, r, g, b);
    } else {
      put(line, x, red, green, blue);
    }
  }

  private void put(float[] line, int x, float red, float green, float blue) {
    if (channels == 3) {
      line[3 * x] = red;
      line[3 * x + 1] = green;
      line[3 * x + 2] = blue;
    } else {
      boolean gray = red == green && green == blue;
      line[x] = gray ? red : RED * red + GREEN * green + BLUE * blue;
    }
  }
}
