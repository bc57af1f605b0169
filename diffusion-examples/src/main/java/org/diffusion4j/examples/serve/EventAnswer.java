package org.diffusion4j.examples.serve;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * A stream of events: {@code waiting}, {@code step}, and at the end {@code done} or {@code failed}.
 */
final class EventAnswer extends Answer {

  static final String TYPE = "text/event-stream";

  private final Order order;
  private int ahead = -1;

  EventAnswer(HttpExchange exchange, Order order) {
    super(exchange, TYPE);
    this.order = order;
  }

  @Override
  boolean isWatched() {
    return true;
  }

  @Override
  void pause(int nowAhead) throws IOException {
    if (nowAhead != ahead) {
      ahead = nowAhead;
      event("waiting", Map.of("ahead", nowAhead));
    } else {
      write(": still there\n\n");
    }
  }

  @Override
  void stepped(News.Stepped step) throws IOException {
    event(
        "step",
        Map.of(
            "step",
            step.index(),
            "steps",
            step.steps(),
            "previews",
            step.previews().stream().map(preview -> Png.bytes(preview, "")).toList()));
  }

  @Override
  void finished(News.Finished finished) throws IOException {
    event("done", pictures(order, finished));
  }

  @Override
  boolean failed(Refusal why) throws IOException {
    event("failed", Map.of("status", why.status(), "error", why.sentence()));
    return true;
  }

  private void event(String name, Map<String, Object> data) throws IOException {
    write("event: " + name + "\ndata: " + json(data) + "\n\n");
  }

  private void write(String text) throws IOException {
    OutputStream out = body();
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }
}
