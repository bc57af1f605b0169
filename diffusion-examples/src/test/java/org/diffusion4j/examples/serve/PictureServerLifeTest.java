package org.diffusion4j.examples.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.diffusion4j.examples.serve.TestService.GENERATE;
import static org.diffusion4j.examples.serve.TestService.settings;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What becomes of requests when there are too many, when clients go away, and at the end. */
class PictureServerLifeTest {

  private static final Duration LONG = Duration.ofSeconds(20);
  private static final String LASTS = "{\"steps\": 250, \"count\": 16}";
  private static final String SHORT = "{\"steps\": 2}";

  private final SlowModel model = new SlowModel(Duration.ofMillis(40));

  private CompletableFuture<HttpResponse<byte[]>> send(TestService service, String body) {
    return service.client().sendAsync(service.request(GENERATE, body), BodyHandlers.ofByteArray());
  }

  private void awaitBegin() throws InterruptedException {
    assertThat(model.begun().await(20, TimeUnit.SECONDS)).isTrue();
  }

  private void awaitCancelled() throws InterruptedException {
    assertThat(model.cancelled().await(20, TimeUnit.SECONDS)).isTrue();
  }

  private static void awaitWaiting(TestService service, int number) throws Exception {
    while (!service.get("/health").body().contains("\"waiting\":" + number)) {
      Thread.sleep(5);
    }
  }

  @Test
  void url_isTheAddressThatIsBound() throws Exception {
    assertThat(PictureServer.url(new InetSocketAddress("127.0.0.1", 8080)))
        .isEqualTo("http://127.0.0.1:8080/");
    assertThat(PictureServer.url(new InetSocketAddress("::1", 8080)))
        .isEqualTo("http://[::1]:8080/");
    try (TestService service = new TestService(model)) {
      assertThat(service.get("/health").statusCode()).isEqualTo(200);
    }
  }

  @Test
  void queue_thatIsFull_refuses() throws Exception {
    try (TestService service = new TestService(settings(1, LONG, Duration.ZERO), model)) {
      var running = send(service, LASTS);
      awaitBegin();
      var waiting = send(service, SHORT);
      awaitWaiting(service, 1);
      HttpResponse<byte[]> refused = service.post(GENERATE, SHORT);
      assertThat(refused.statusCode()).isEqualTo(429);
      assertThat(refused.headers().firstValue("Retry-After")).contains("1");
      assertThat(running).isNotDone();
      assertThat(waiting).isNotDone();
    }
  }

  @Test
  void requestsThatWait_areDrawnTogether() throws Exception {
    try (TestService service = new TestService(model)) {
      var first = send(service, "{\"steps\": 10}");
      awaitBegin();
      List<CompletableFuture<HttpResponse<byte[]>>> others =
          IntStream.range(0, 5).mapToObj(i -> send(service, SHORT)).toList();
      assertThat(first.get().statusCode()).isEqualTo(200);
      for (var other : others) {
        assertThat(other.get().statusCode()).isEqualTo(200);
      }
      assertThat(model.batches()).startsWith(1).hasSizeLessThan(4);
      assertThat(model.batches().stream().mapToInt(n -> n).sum()).isEqualTo(6);
    }
  }

  @Test
  void client_thatGoesAway_cancels() throws Exception {
    for (String form : List.of("text/event-stream", "application/json", "image/png")) {
      SlowModel slow = new SlowModel(Duration.ofMillis(40));
      try (TestService service = new TestService(slow)) {
        try (Socket socket = service.open(GENERATE, LASTS, "Accept", form)) {
          assertThat(slow.begun().await(20, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(slow.cancelled().await(20, TimeUnit.SECONDS)).as(form).isTrue();
        assertThat(service.post(GENERATE, SHORT).statusCode()).isEqualTo(200);
      }
    }
  }

  @Test
  void client_thatReadsNothing_isGivenUp() throws Exception {
    Duration patience = Duration.ofMillis(300);
    try (TestService service = new TestService(settings(8, patience, LONG), model);
        Socket socket = service.open(GENERATE, LASTS, "Accept", "text/event-stream")) {
      awaitCancelled();
      assertThat(socket.isClosed()).isFalse();
      assertThat(service.post(GENERATE, SHORT).statusCode()).isEqualTo(200);
    }
  }

  @Test
  void client_thatSendsHalfABody_isGivenUp() throws Exception {
    Duration patience = Duration.ofMillis(300);
    try (TestService service = new TestService(settings(8, patience, LONG), model);
        Socket socket = service.open(GENERATE, "", "X", "\r\nContent-Length: 9\r\n\r\n{")) {
      socket.setSoTimeout(20_000);
      assertThat(endOf(socket)).isTrue();
    }
  }

  private static boolean endOf(Socket socket) {
    try {
      socket.getInputStream().readAllBytes();
      return true;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (IOException e) {
      return true;
    }
  }

  @Test
  void close_letsEndWhatIsDrawn() throws Exception {
    TestService service = new TestService(settings(8, LONG, LONG), model);
    var running = send(service, "{\"steps\": 5}");
    awaitBegin();
    service.close();
    assertThat(running.get(20, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
  }

  @Test
  void close_cancelsWhatLastsTooLong_andRefusesWhatWaits() throws Exception {
    TestService service = new TestService(settings(8, LONG, Duration.ofMillis(20)), model);
    var running = send(service, LASTS);
    awaitBegin();
    var waiting = send(service, SHORT);
    awaitWaiting(service, 1);
    service.close();
    assertThat(waiting.get(20, TimeUnit.SECONDS).statusCode()).isEqualTo(503);
    // If its answer had begun, it breaks off.
    assertThat(
            running.handle((answer, failure) -> answer == null ? 503 : answer.statusCode()).get())
        .isEqualTo(503);
    awaitCancelled();
    assertThatExceptionOfType(IOException.class).isThrownBy(() -> service.post(GENERATE, SHORT));
  }
}
