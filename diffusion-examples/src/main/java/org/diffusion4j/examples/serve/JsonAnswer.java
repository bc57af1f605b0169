package org.diffusion4j.examples.serve;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** One JSON object, after white space that JSON allows while the client waits. */
final class JsonAnswer extends Answer {

  static final String TYPE = "application/json";

  private final Order order;

  JsonAnswer(HttpExchange exchange, Order order) {
    super(exchange, TYPE);
    this.order = order;
  }

  @Override
  void pause(int ahead) throws IOException {
    OutputStream out = body();
    out.write('\n');
    out.flush();
  }

  @Override
  void finished(News.Finished finished) throws IOException {
    body().write(json(pictures(order, finished)).getBytes(StandardCharsets.UTF_8));
  }
}
