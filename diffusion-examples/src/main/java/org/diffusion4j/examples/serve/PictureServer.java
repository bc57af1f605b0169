package org.diffusion4j.examples.serve;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.BindException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.diffusion4j.examples.serve.StaticFiles.Content;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A service that draws pictures over HTTP, on this machine's loopback address only, with a page at
 * {@code /}. Requests wait in a queue; those of the same model, sampler, steps and guidance are
 * drawn together, which has no effect on the pictures.
 *
 * <p>{@code docs/serve.md} describes the paths.
 */
public final class PictureServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(PictureServer.class);

  /** The size of a body without pictures. */
  private static final int MOST_TEXT = 1 << 16;

  /**
   * The size of a picture and a mask in a body, per pixel: 4 bytes, in base64, with some reserve.
   */
  private static final int MOST_PIXEL = 12;

  /** As many times the size of a body without pictures is read of one that is too large. */
  private static final int MOST_SKIPPED = 256;

  private static final int MOST_THREADS = 256;
  private static final String JSON = "application/json";
  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
          + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private final Settings settings;
  private final Map<String, PictureModel> models;
  private final StaticFiles files = new StaticFiles();
  private final ServiceMeters meters = new ServiceMeters();
  private final JobQueue queue;
  private final Painter painter;
  private final ClientThreads threads;
  private final Delivery delivery;
  private final OrderReader orders;
  private final String catalogue;
  private final int mostBody;
  private final HttpServer http;
  private final Visitor visitor;
  private volatile boolean closed;

  /**
   * Settings of a service.
   *
   * @param port 0 for any that is free
   * @param waiting number of requests that may wait, at least 1
   * @param batch number of pictures that are drawn together, at least that of one request, 16
   * @param linger how long a batch waits for more requests
   * @param patience how long a client may keep the service waiting
   * @param grace how long what runs may go on when the service is closed
   */
  public record Settings(
      int port, int waiting, int batch, Duration linger, Duration patience, Duration grace) {

    /** The usual settings. */
    public static Settings of(int port, int waiting) {
      return new Settings(
          port,
          waiting,
          OrderReader.MOST_PICTURES,
          Duration.ofMillis(10),
          Duration.ofSeconds(20),
          Duration.ofSeconds(5));
    }
  }

  private PictureServer(Settings settings, List<PictureModel> all, List<String> samplers)
      throws IOException {
    this.settings = settings;
    models = byName(all);
    catalogue = Catalogue.json(models.values(), samplers);
    orders = new OrderReader(models, samplers);
    models.values().forEach(model -> model.measure(meters.registry()));
    int pixels =
        models.values().stream()
            .mapToInt(model -> model.traits().width() * model.traits().height())
            .max()
            .orElseThrow();
    mostBody = MOST_TEXT + MOST_PIXEL * pixels;
    queue = new JobQueue(settings.waiting(), settings.batch(), settings.linger());
    meters.waiting(queue);
    painter = new Painter(queue, meters);
    http = listen(settings.port());
    threads = new ClientThreads(MOST_THREADS, settings.patience());
    delivery = new Delivery(queue, threads, meters);
    visitor = new Visitor(port());
    http.setExecutor(threads);
    http.createContext("/", this::handle);
  }

  private static HttpServer listen(int port) throws IOException {
    try {
      return HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    } catch (BindException e) {
      throw new IOException("port must be free but " + port + " is not: " + e.getMessage(), e);
    }
  }

  private static Map<String, PictureModel> byName(List<PictureModel> models) {
    if (models.isEmpty()) {
      throw new IllegalArgumentException("models must be at least 1 but were 0");
    }
    Map<String, PictureModel> byName = new LinkedHashMap<>();
    for (PictureModel model : models) {
      if (byName.put(model.traits().name(), model) != null) {
        throw new IllegalArgumentException(
            "names of models must be unique but two are " + model.traits().name());
      }
    }
    return byName;
  }

  /**
   * Starts a service. The models belong to it, also if this fails.
   *
   * @param settings port and limits
   * @param models at least one, with different names; the first is the default
   * @param samplers names of samplers that clients may ask for
   * @throws IOException if the port is taken
   */
  public static PictureServer start(
      Settings settings, List<PictureModel> models, List<String> samplers) throws IOException {
    boolean started = false;
    try {
      PictureServer server = new PictureServer(settings, models, samplers);
      server.painter.start();
      server.http.start();
      started = true;
      return server;
    } finally {
      if (!started) {
        models.forEach(PictureModel::close);
      }
    }
  }

  /** The port at which it listens. */
  public int port() {
    return http.getAddress().getPort();
  }

  /** The address of its page. */
  public String url() {
    return url(http.getAddress());
  }

  static String url(InetSocketAddress bound) {
    InetAddress address = bound.getAddress();
    // The only loopback address of IPv6, in the short form in which clients name the host.
    String host = address instanceof Inet6Address ? "[::1]" : address.getHostAddress();
    return "http://" + host + ":" + bound.getPort() + "/";
  }

  private void handle(HttpExchange exchange) {
    try {
      threads.getsOn();
      exchange.setStreams(null, threads.watched(exchange.getResponseBody()));
      secure(exchange.getResponseHeaders());
      visitor.requireOwnHost(exchange.getRequestHeaders());
      route(exchange);
    } catch (Refusal e) {
      refuse(exchange, e);
    } catch (IOException e) {
      // The client went away, or its answer cannot be ended: it must not look complete.
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.error("a request failed", e);
      refuse(exchange, new Refusal(Refusal.FAILED, "the service failed: its log says more"));
    } finally {
      exchange.close();
    }
  }

  private static void secure(Headers headers) {
    headers.set("Content-Security-Policy", POLICY);
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("Referrer-Policy", "no-referrer");
    headers.set("Cross-Origin-Resource-Policy", "same-origin");
    headers.set("Cross-Origin-Opener-Policy", "same-origin");
  }

  private void route(HttpExchange exchange) throws IOException {
    // A URI such as "mailto:x" has no path.
    String path = Objects.requireNonNullElse(exchange.getRequestURI().getPath(), "");
    Function<Fields, Order> reader = readers().get(path);
    if (reader != null) {
      requireMethod(exchange, "POST");
      answer(exchange, reader);
      return;
    }
    Content content = content(path);
    if (content == null) {
      throw new Refusal(Refusal.NOT_FOUND, "there is nothing at this path");
    }
    requireMethod(exchange, "GET", "HEAD");
    send(exchange, 200, content.type(), content.bytes());
  }

  /** The paths that make pictures. */
  private Map<String, Function<Fields, Order>> readers() {
    return Map.of(
        "/api/generate",
        orders::pictures,
        "/api/repaint",
        orders::repainted,
        "/api/blend",
        orders::blend);
  }

  private @Nullable Content content(String path) {
    return switch (path) {
      case "/api/models" -> Content.of(JSON, catalogue);
      case "/health" -> Content.of(JSON, Answer.json(health()));
      case "/metrics" -> Content.of("text/plain; version=0.0.4; charset=utf-8", meters.scrape());
      default -> files.of(path);
    };
  }

  private Map<String, Object> health() {
    return Map.of("status", "up", "models", List.copyOf(models.keySet()), "waiting", queue.size());
  }

  private static void requireMethod(HttpExchange exchange, String... methods) {
    if (!Set.of(methods).contains(exchange.getRequestMethod())) {
      String allowed = String.join(", ", methods);
      exchange.getResponseHeaders().set("Allow", allowed);
      throw new Refusal(
          Refusal.METHOD_NOT_ALLOWED, "method must be " + allowed + " but was another");
    }
  }

  private void answer(HttpExchange exchange, Function<Fields, Order> reader) throws IOException {
    Headers headers = exchange.getRequestHeaders();
    visitor.requireOwnPage(headers);
    String type = Visitor.first(headers, "Content-Type").replaceAll(";.*", "").strip();
    if (!type.equalsIgnoreCase(JSON)) {
      throw new Refusal(
          Refusal.UNSUPPORTED_TYPE, "content type must be application/json but was another");
    }
    Order order = reader.apply(Fields.of(body(exchange)));
    threads.getsOn();
    delivery.deliver(order, Answer.of(exchange, order));
  }

  private byte[] body(HttpExchange exchange) throws IOException {
    try (InputStream in = exchange.getRequestBody()) {
      byte[] body = in.readNBytes(mostBody + 1);
      if (body.length > mostBody) {
        // Most clients read the answer only when they have sent all.
        for (int i = 0; i < MOST_SKIPPED && in.readNBytes(MOST_TEXT).length > 0; i++) {}
        exchange.getResponseHeaders().set("Connection", "close");
        throw new Refusal(
            Refusal.TOO_LARGE, "body must have at most " + mostBody + " bytes but has more");
      }
      return body;
    }
  }

  private static void refuse(HttpExchange exchange, Refusal why) {
    if (why.status() == Refusal.TOO_MANY || why.status() == Refusal.UNAVAILABLE) {
      exchange.getResponseHeaders().set("Retry-After", "1");
    }
    try {
      byte[] body = Answer.json(Map.of("error", why.sentence())).getBytes(StandardCharsets.UTF_8);
      send(exchange, why.status(), JSON, body);
    } catch (IOException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void send(HttpExchange exchange, int status, String type, byte[] body)
      throws IOException {
    exchange.getResponseHeaders().set("Content-Type", type);
    exchange.getResponseHeaders().set("Cache-Control", "no-cache");
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.sendResponseHeaders(status, -1);
      return;
    }
    exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
    exchange.getResponseBody().write(body);
  }

  /**
   * Takes no more requests, refuses those that wait, lets the batch that is drawn end or cancels it
   * after a while, and closes the models.
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    queue.close();
    painter.close(settings.grace());
    // Answers that are being written have this long, in seconds.
    http.stop(1);
    threads.close();
    meters.close();
    models.values().forEach(PictureModel::close);
  }
}
