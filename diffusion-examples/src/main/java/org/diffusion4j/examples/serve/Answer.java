package org.diffusion4j.examples.serve;

import com.fasterxml.jackson.jr.ob.JSON;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An answer with pictures, in one of three forms. It begins as late as it can, so that its status
 * tells what became of the request; but a client that went away is found only by writing to it.
 */
abstract class Answer {

  private final HttpExchange exchange;
  private final String type;
  private boolean begun;

  Answer(HttpExchange exchange, String type) {
    this.exchange = exchange;
    this.type = type;
  }

  /**
   * The form that a client prefers: events, one PNG file, or else JSON.
   *
   * @throws Refusal if it accepts none of them
   */
  static Answer of(HttpExchange exchange, Order order) {
    List<String> accepted = exchange.getRequestHeaders().getOrDefault("Accept", List.of("*/*"));
    for (String range : String.join(",", accepted).split(",", -1)) {
      String type = range.replaceAll(";.*", "").strip();
      switch (type) {
        case EventAnswer.TYPE:
          return new EventAnswer(exchange, order);
        case PngAnswer.TYPE, "image/*":
          return new PngAnswer(exchange, order);
        case JsonAnswer.TYPE, "application/*", "*/*":
          return new JsonAnswer(exchange, order);
        default:
          break;
      }
    }
    throw new Refusal(
        Refusal.NOT_ACCEPTABLE,
        "accept must be text/event-stream, image/png or application/json but was another");
  }

  /** Whether it shows previews. */
  boolean isWatched() {
    return false;
  }

  /** The body, with which the answer begins. */
  OutputStream body() throws IOException {
    if (!begun) {
      begun = true;
      exchange.getResponseHeaders().set("Content-Type", type);
      exchange.getResponseHeaders().set("Cache-Control", "no-store");
      exchange.sendResponseHeaders(200, 0);
    }
    return exchange.getResponseBody();
  }

  boolean hasBegun() {
    return begun;
  }

  /** Writes something, to see whether the client is still there. */
  abstract void pause(int ahead) throws IOException;

  /** Tells of a step. */
  void stepped(News.Stepped step) throws IOException {}

  /** Writes the pictures. */
  abstract void finished(News.Finished finished) throws IOException;

  /** Tells of a failure; false if this form cannot, any more. */
  boolean failed(Refusal why) throws IOException {
    return false;
  }

  /** How a picture was made, for its file. */
  static String about(Order order, Sample sample) {
    return json(facts(order, sample));
  }

  /** The facts of a picture by which it can be made again. */
  static Map<String, Object> facts(Order order, Sample sample) {
    Order.Method method = order.method();
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("model", method.model().traits().name());
    if (sample.subject().label() >= 0) {
      facts.put("class", sample.subject().label());
    }
    if (!sample.subject().text().isEmpty()) {
      facts.put("prompt", sample.subject().text());
    }
    facts.put("sampler", method.sampler());
    facts.put("steps", method.steps());
    facts.put("guidance", method.guidance());
    Noise noise = sample.noise();
    facts.put("seed", noise.from());
    if (noise.count() > 1) {
      facts.put("toSeed", noise.to());
      facts.put("part", noise.part());
    }
    Sample.Subject toward = sample.toward();
    if (toward != null) {
      facts.put("toClass", toward.label());
    }
    return facts;
  }

  /** The pictures as JSON. */
  static Map<String, Object> pictures(Order order, News.Finished finished) {
    List<Map<String, Object>> all = new ArrayList<>();
    for (int i = 0; i < finished.pictures().size(); i++) {
      Sample sample = order.samples().get(i);
      Map<String, Object> one = facts(order, sample);
      one.put("png", Png.bytes(finished.pictures().get(i), about(order, sample)));
      all.add(one);
    }
    return Map.of("pictures", all, "seconds", Math.round(finished.seconds() * 1000) / 1000.0);
  }

  static String json(Object value) {
    try {
      return JSON.std.asString(value);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
