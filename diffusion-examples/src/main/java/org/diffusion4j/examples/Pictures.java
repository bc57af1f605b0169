package org.diffusion4j.examples;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.diffusion4j.data.ImageFiles;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Pictures with captions, side by side. */
final class Pictures {

  static final int GAP = 24;
  static final int CAPTION = 36;
  private static final int CELL = 64;
  private static final int SMALL = 16;

  private Pictures() {}

  /** A picture and what is written above it. */
  record Panel(String caption, BufferedImage picture) {}

  /**
   * Samples side by side, magnified to cells of about 64 pixels. Small ones, which fill their
   * frame, are given a dark border, or the eye could not tell them apart.
   *
   * @param samples {@code [n, channels, height, width]}
   */
  static BufferedImage grid(INDArray samples, int columns) {
    int border = samples.size(2) < SMALL ? 1 : 0;
    long[] shape = samples.shape().clone();
    shape[2] += 2L * border;
    shape[3] += 2L * border;
    try (INDArray framed = Nd4j.valueArrayOf(shape, -1.0, samples.dataType())) {
      framed
          .get(
              NDArrayIndex.all(),
              NDArrayIndex.all(),
              NDArrayIndex.interval(border, shape[2] - border),
              NDArrayIndex.interval(border, shape[3] - border))
          .assign(samples);
      return ImageFiles.grid(framed, columns, scale(framed));
    }
  }

  /** Writes samples as a grid about as wide as high, magnified. */
  static void writeGrid(Path file, INDArray samples) throws IOException {
    int columns = (int) Math.ceil(Math.sqrt(samples.size(0)));
    write(file, grid(samples, columns));
  }

  private static int scale(INDArray samples) {
    return (int) Math.max(1, CELL / samples.size(2));
  }

  /** The panels from left to right on white. */
  static BufferedImage sideBySide(List<Panel> panels) {
    int width = GAP;
    int height = 0;
    for (Panel panel : panels) {
      width += panel.picture().getWidth() + GAP;
      height = Math.max(height, panel.picture().getHeight());
    }
    BufferedImage sheet =
        new BufferedImage(width, CAPTION + height + GAP, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = sheet.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, sheet.getWidth(), sheet.getHeight());
    graphics.setColor(Color.DARK_GRAY);
    graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 15));
    int x = GAP;
    for (Panel panel : panels) {
      graphics.drawString(panel.caption(), x, CAPTION - 12);
      graphics.drawImage(panel.picture(), x, CAPTION, null);
      x += panel.picture().getWidth() + GAP;
    }
    graphics.dispose();
    return sheet;
  }

  /** Writes a picture as PNG. */
  static void write(Path file, BufferedImage picture) throws IOException {
    if (!ImageIO.write(picture, "png", file.toFile())) {
      throw new IOException(file + ": this Java runtime cannot write PNG");
    }
  }
}
