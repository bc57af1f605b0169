package org.diffusion4j.examples.serve;

import com.sun.net.httpserver.HttpExchange;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.util.List;
import org.diffusion4j.examples.serve.PictureModel.Traits;
import org.jspecify.annotations.Nullable;

/**
 * One PNG file with all pictures in a grid, with chunks that mean nothing while the client waits.
 */
final class PngAnswer extends Answer {

  static final String TYPE = "image/png";

  private final Order order;
  private final int columns;
  private final int width;
  private final int height;
  private @Nullable Png png;

  PngAnswer(HttpExchange exchange, Order order) {
    super(exchange, TYPE);
    this.order = order;
    Traits traits = order.model().traits();
    int n = order.samples().size();
    columns = (int) Math.ceil(Math.sqrt((double) n));
    width = columns * traits.width();
    height = (n + columns - 1) / columns * traits.height();
  }

  private Png png() throws IOException {
    Png begun = png;
    if (begun == null) {
      begun = Png.begin(body(), width, height);
      png = begun;
    }
    return begun;
  }

  @Override
  void pause(int ahead) throws IOException {
    png().pause();
    body().flush();
  }

  @Override
  void finished(News.Finished finished) throws IOException {
    png().end(grid(finished.pictures()), about(order, order.samples().get(0)));
  }

  private BufferedImage grid(List<BufferedImage> pictures) {
    if (pictures.size() == 1) {
      return pictures.get(0);
    }
    BufferedImage grid = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = grid.createGraphics();
    for (int i = 0; i < pictures.size(); i++) {
      BufferedImage one = pictures.get(i);
      graphics.drawImage(one, i % columns * one.getWidth(), i / columns * one.getHeight(), null);
    }
    graphics.dispose();
    return grid;
  }
}
