package org.diffusion4j.data;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.Raster;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** Decodes PNG and JPEG files into values in [-1, 1] of one size, on black. */
record ImageDecoder(int channels, int height, int width) {

  static final long MOST_PIXELS = 64_000_000;

  /** Luma of ITU-R BT.601, as in Pillow's and OpenCV's conversions to gray. */
  private static final float RED = 0.299f;

  private static final float GREEN = 0.587f;
  private static final float BLUE = 0.114f;

  /**
   * Decodes a file.
   *
   * @param into gets the values, {@code [channels, height, width]} in C order
   */
  void decode(Path file, float[] into) throws IOException {
    DataFiles.requireFile(file);
    BufferedImage image = read(file);
    try {
      resample(image, into);
    } catch (RuntimeException e) {
      throw new IOException(file + ": cannot be converted: " + e, e);
    }
  }

  private static BufferedImage read(Path file) throws IOException {
    try (InputStream raw = new BufferedInputStream(Files.newInputStream(file));
        ImageInputStream in = new MemoryCacheImageInputStream(raw)) {
      ImageReader reader = reader(in);
      try {
        return read(reader, in);
      } finally {
        reader.dispose();
      }
    } catch (IOException | RuntimeException e) {
      // The decoders of the JDK throw all kinds of runtime exceptions at damaged files.
      throw new IOException(file + ": cannot be read as an image: " + message(e), e);
    }
  }

  private static ImageReader reader(ImageInputStream in) throws IOException {
    for (Iterator<ImageReader> readers = ImageIO.getImageReaders(in); readers.hasNext(); ) {
      ImageReader reader = readers.next();
      String format = reader.getFormatName().toLowerCase(Locale.ROOT);
      if (format.equals("png") || format.equals("jpeg")) {
        return reader;
      }
      reader.dispose();
    }
    throw new IOException("it is neither PNG nor JPEG");
  }

  private static BufferedImage read(ImageReader reader, ImageInputStream in) throws IOException {
    reader.setInput(in, true, true);
    long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
    if (pixels > MOST_PIXELS) {
      throw new IOException("it must have at most " + MOST_PIXELS + " pixels but has " + pixels);
    }
    List<String> warnings = new ArrayList<>();
    reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
    BufferedImage image = reader.read(0);
    for (String warning : warnings) {
      // A JPEG that is cut off decodes with a warning, the rest of the picture gray.
      if (warning.contains("Premature end")
          || warning.contains("Truncated")
          || warning.contains("Corrupt JPEG data")) {
        throw new IOException(warning);
      }
    }
    return image;
  }

  private static String message(Exception e) {
    String message = e.getMessage();
    if (e instanceof RuntimeException || message == null) {
      return e.toString();
    }
    Throwable cause = e.getCause();
    return cause == null ? message : message + " (" + cause.getMessage() + ")";
  }

  private void resample(BufferedImage image, float[] into) {
    int w = image.getWidth();
    int h = image.getHeight();
    double scale = Math.max((double) width / w, (double) height / h);
    Resampling across = Resampling.of(w, Math.max(width, Math.round(w * scale)), width);
    Resampling down = Resampling.of(h, Math.max(height, Math.round(h * scale)), height);
    int top = down.first[0];
    float[][] rows = new float[down.end() - top][];
    float[] line = new float[w * channels];
    for (int y = 0; y < rows.length; y++) {
      readLine(image, top + y, line);
      rows[y] = across(across, line);
    }
    int plane = height * width;
    for (int y = 0; y < height; y++) {
      float[] weights = down.weights[y];
      for (int i = 0; i < width * channels; i++) {
        float sum = 0;
        for (int k = 0; k < weights.length; k++) {
          sum += weights[k] * rows[down.first[y] - top + k][i];
        }
        float value = sum / 127.5f - 1;
        into[i % channels * plane + y * width + i / channels] = Math.max(-1, Math.min(1, value));
      }
    }
  }

  private float[] across(Resampling across, float[] line) {
    float[] row = new float[width * channels];
    for (int x = 0; x < width; x++) {
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

  /** Reads a row of pixels in [0, 255], channels interleaved, composed on black. */
  private void readLine(BufferedImage image, int y, float[] line) {
    ColorModel model = image.getColorModel();
    ColorSpace space = model.getColorSpace();
    // getRGB takes gray for linear light and brightens it, and cuts 16 bits to 8.
    boolean direct =
        model instanceof ComponentColorModel
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
    boolean alpha = model.hasAlpha() && !model.isAlphaPremultiplied();
    for (int x = 0; x < w; x++) {
      int from = x * bands;
      float factor = alpha ? unit * (samples[from + colours] / opaque) : unit;
      float red = samples[from] * factor;
      float green = colours == 1 ? red : samples[from + 1] * factor;
      float blue = colours == 1 ? red : samples[from + 2] * factor;
      put(line, x, red, green, blue);
    }
  }

  private void readColours(BufferedImage image, int y, float[] line) {
    int[] colours = image.getRGB(0, y, image.getWidth(), 1, null, 0, image.getWidth());
    for (int x = 0; x < colours.length; x++) {
      int argb = colours[x];
      float alpha = (argb >>> 24) / 255f;
      put(line, x, (argb >> 16 & 255) * alpha, (argb >> 8 & 255) * alpha, (argb & 255) * alpha);
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
