package org.diffusion4j.examples.serve;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Chromium without a window, through its driver (W3C WebDriver). */
final class Browser implements AutoCloseable {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Pattern PORT = Pattern.compile("started successfully on port (\\d+)");

  private final HttpClient client = HttpClient.newHttpClient();
  private final Process driver;
  private final String session;

  private Browser(Process driver, int port) throws Exception {
    this.driver = driver;
    String sessions = "http://127.0.0.1:" + port + "/session";
    List<String> arguments =
        List.of(
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1000");
    Map<String, Object> capabilities =
        Map.of("browserName", "chrome", "goog:chromeOptions", Map.of("args", arguments));
    Object answer =
        send("POST", sessions, Map.of("capabilities", Map.of("alwaysMatch", capabilities)));
    session = sessions + "/" + ((Map<?, ?>) answer).get("sessionId");
  }

  /** Whether the programs are there. */
  static boolean isInstalled() {
    return isOnPath("chromedriver")
        && Stream.of("chromium", "chromium-browser", "google-chrome").anyMatch(Browser::isOnPath);
  }

  private static boolean isOnPath(String program) {
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
  }

  static Browser start() throws Exception {
    Process driver =
        new ProcessBuilder("chromedriver", "--port=0").redirectErrorStream(true).start();
    boolean started = false;
    try {
      Browser browser = new Browser(driver, port(driver));
      started = true;
      return browser;
    } finally {
      if (!started) {
        driver.destroy();
      }
    }
  }

  private static int port(Process driver) throws IOException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(driver.getInputStream(), StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Matcher port = PORT.matcher(line);
      if (port.find()) {
        return Integer.parseInt(port.group(1));
      }
    }
    throw new IllegalStateException("the driver must tell its port but ended");
  }

  void open(String address) throws Exception {
    send("POST", session + "/url", Map.of("url", address));
  }

  /** What a script of the page returns. */
  Object script(String script) throws Exception {
    return send("POST", session + "/execute/sync", Map.of("script", script, "args", List.of()));
  }

  String text(String expression) throws Exception {
    return String.valueOf(script("return " + expression));
  }

  /** Waits until an expression of the page is true. */
  void await(String condition) throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!Boolean.TRUE.equals(script("return Boolean(" + condition + ")"))) {
      if (System.nanoTime() > end) {
        throw new AssertionError("must become true but did not: " + condition);
      }
      Thread.sleep(50);
    }
  }

  /** Clicks into the middle of an element, as a person does: what covers it is an error. */
  void click(String selector) throws Exception {
    send("POST", element(selector) + "/click", Map.of());
  }

  /** Replaces the text of a field. */
  void fill(String selector, String text) throws Exception {
    String element = element(selector);
    send("POST", element + "/clear", Map.of());
    send("POST", element + "/value", Map.of("text", text));
  }

  /** Draws from the middle of an element to the right with a finger. */
  void stroke(String selector, int pixels) throws Exception {
    Object reference = find(selector);
    List<Map<String, Object>> actions =
        List.of(
            Map.of("type", "pointerMove", "duration", 0, "x", 0, "y", 0, "origin", reference),
            Map.of("type", "pointerDown", "button", 0),
            Map.of("type", "pointerMove", "duration", 50, "x", pixels, "y", 0, "origin", reference),
            Map.of("type", "pointerUp", "button", 0));
    Map<String, Object> finger = new HashMap<>();
    finger.put("type", "pointer");
    finger.put("id", "finger");
    finger.put("parameters", Map.of("pointerType", "touch"));
    finger.put("actions", actions);
    send("POST", session + "/actions", Map.of("actions", List.of(finger)));
  }

  /** Gives the page the width of a phone. */
  void narrow(int width, int height) throws Exception {
    send(
        "POST",
        session + "/goog/cdp/execute",
        Map.of(
            "cmd",
            "Emulation.setDeviceMetricsOverride",
            "params",
            Map.of("width", width, "height", height, "deviceScaleFactor", 2, "mobile", true)));
  }

  private String element(String selector) throws Exception {
    Object id = ((Map<?, ?>) find(selector)).values().iterator().next();
    return session + "/element/" + id;
  }

  private Object find(String selector) throws Exception {
    return send("POST", session + "/element", Map.of("using", "css selector", "value", selector));
  }

  private Object send(String method, String address, Map<String, Object> body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(address))
            .timeout(PATIENCE)
            .method(method, BodyPublishers.ofString(JSON.std.asString(body)))
            .build();
    HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new AssertionError(address + " failed: " + answer.body());
    }
    return JSON.std.mapFrom(answer.body()).get("value");
  }

  @Override
  public void close() throws Exception {
    try {
      send("DELETE", session, Map.of());
    } finally {
      driver.destroy();
    }
  }
}
