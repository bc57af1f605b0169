package org.diffusion4j.examples;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;

/**
 * Pictures in rows and columns, with labels.
 *
 * @param columns the heading of each column
 * @param rows the rows from top to bottom
 */
record PictureTable(List<String> columns, List<Row> rows) {

  static final int ROW_GAP = 8;
  private static final Font LABEL = new Font(Font.SANS_SERIF, Font.PLAIN, 15);
  private static final Font NOTE = new Font(Font.SANS_SERIF, Font.PLAIN, 11);

  /**
   * A row of pictures.
   *
   * @param label the label to the left of the pictures
   * @param note a note below the label, in small letters
   * @param cells one for each column
   */
  record Row(String label, String note, List<BufferedImage> cells) {}

  /** Draws the table on a white background. */
  BufferedImage draw() {
    Graphics2D ruler = new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB).createGraphics();
    FontMetrics labels = ruler.getFontMetrics(LABEL);
    FontMetrics notes = ruler.getFontMetrics(NOTE);
    ruler.dispose();
    int x = 0;
    for (Row row : rows) {
      x = Math.max(x, labels.stringWidth(row.label()));
      x = Math.max(x, notes.stringWidth(row.note()));
    }
    x += 2 * Pictures.GAP;
    List<Integer> left = new ArrayList<>();
    for (int column = 0; column < columns.size(); column++) {
      left.add(x);
      int width = labels.stringWidth(columns.get(column));
      for (Row row : rows) {
        width = Math.max(width, row.cells().get(column).getWidth());
      }
      x += width + Pictures.GAP;
    }
    int y = Pictures.CAPTION;
    for (Row row : rows) {
      y += height(row) + ROW_GAP;
    }
    return draw(left, new BufferedImage(x, y + Pictures.GAP, BufferedImage.TYPE_INT_RGB));
  }

  private BufferedImage draw(List<Integer> left, BufferedImage sheet) {
    Graphics2D graphics = sheet.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, sheet.getWidth(), sheet.getHeight());
    write(graphics, LABEL, Color.DARK_GRAY);
    for (int column = 0; column < columns.size(); column++) {
      graphics.drawString(columns.get(column), left.get(column), Pictures.CAPTION - 12);
    }
    int y = Pictures.CAPTION;
    for (Row row : rows) {
      int middle = y + height(row) / 2;
      write(graphics, LABEL, Color.DARK_GRAY);
      graphics.drawString(row.label(), Pictures.GAP, row.note().isEmpty() ? middle + 5 : middle);
      write(graphics, NOTE, Color.GRAY);
      graphics.drawString(row.note(), Pictures.GAP, middle + 16);
      for (int column = 0; column < columns.size(); column++) {
        graphics.drawImage(row.cells().get(column), left.get(column), y, null);
      }
      y += height(row) + ROW_GAP;
    }
    graphics.dispose();
    return sheet;
  }

  private static void write(Graphics2D graphics, Font font, Color color) {
    graphics.setFont(font);
    graphics.setColor(color);
  }

  private static int height(Row row) {
    return row.cells().stream().mapToInt(BufferedImage::getHeight).max().orElse(0);
  }
}
