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

/** Pictures with captions, side by side. */
final class Pictures {

  static final int GAP = 24;
  static final int CAPTION = 36;
  static final int LINE = 4;
  private static final double CELL = 48;

  private Pictures() {}

  /** A picture with its caption. */
  record Panel(String caption, BufferedImage picture) {}

  /**
   * A grid of samples, smoothly magnified to cells of about 48 pixels.
   *
   * @param samples {@code [n, channels, height, width]}
   */
  static BufferedImage grid(INDArray samples, int columns) {
    int scale = scale(samples);
    int width = (int) samples.size(3) * scale;
    int height = (int) samples.size(2) * scale;
    int n = (int) samples.size(0);
    BufferedImage grid =
        new BufferedImage(
            Math.min(columns, n) * (width + LINE) - LINE,
            (n + columns - 1) / columns * (height + LINE) - LINE,
            BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = grid.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, grid.getWidth(), grid.getHeight());
    for (int i = 0; i < n; i++) {
      BufferedImage sample = ImageFiles.image(samples.slice(i));
      int x = i % columns * (width + LINE);
      int y = i / columns * (height + LINE);
      graphics.drawImage(sample, x, y, width, height, null);
    }
    graphics.dispose();
    return grid;
  }

  /** Writes a roughly square grid of samples, magnified. */
  static void writeGrid(Path file, INDArray samples) throws IOException {
    int columns = (int) Math.ceil(Math.sqrt((double) samples.size(0)));
    ImageFiles.writeGrid(file, samples, columns, scale(samples));
  }

  private static int scale(INDArray samples) {
    return (int) Math.max(1, Math.round(CELL / samples.size(2)));
  }

  /** Draws the panels from left to right on a white background. */
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
