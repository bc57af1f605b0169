package org.diffusion4j.examples.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.examples.serve.TestService.GENERATE;
import static org.diffusion4j.examples.serve.TestService.image;
import static org.diffusion4j.examples.serve.TestService.pictures;
import static org.diffusion4j.examples.serve.TestService.pixels;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.diffusion4j.Condition;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sixteen clients of the Fashion-MNIST model, of which a third go away before they have their
 * pictures, one that reads slowly, and one that never reads: all others get the library's pictures.
 */
class LoadTest {

  private static final Logger LOG = LoggerFactory.getLogger(LoadTest.class);
  private static final Path MODEL = Path.of("src/main/resources/org/diffusion4j/examples/fashion");
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final int CLIENTS = 16;
  private static final int REQUESTS = 36;
  private static final int MANY = 200;
  private static final int ROUNDS = 8;

  /** After so many rounds all sizes of batches have had their plans. */
  private static final int WARM = 4;

  private static final int STEPS = 3;
  private static final List<String> FORMS =
      List.of("application/json", "image/png", "text/event-stream");

  @Test
  void everybodyElse_getsTheLibrarysPictures() throws Exception {
    PretrainedModel model = PretrainedModel.load(MODEL);
    List<int[]> expected = ofTheLibrary(model, REQUESTS);
    try (TestService service = service(model)) {
      assertRound(service, expected);
      assertThat(service.get("/health").body()).contains("\"waiting\":0");
    }
  }

  /** In a process of its own, whose heap is small and resident from the start. Takes minutes. */
  @Tag("slow")
  @Test
  void manyRequests_holdNoMoreMemory() throws Exception {
    assumeTrue(Files.exists(STATUS), "needs Linux");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-Xms256m",
                "-XX:+AlwaysPreTouch",
                "-cp",
                System.getProperty("java.class.path"),
                LoadTest.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    List<Long> resident = new ArrayList<>();
    try (BufferedReader lines = process.inputReader()) {
      lines
          .lines()
          .filter(line -> line.startsWith("resident "))
          .forEach(line -> resident.add(Long.parseLong(line.substring("resident ".length()))));
    }
    assertThat(process.waitFor()).isZero();
    LOG.info("MB after each {} requests: {}", MANY, resident);
    assertThat(resident).hasSize(ROUNDS);
    assertThat(resident.get(ROUNDS - 1))
        .as("MB, from %s", resident)
        .isLessThan(resident.get(WARM - 1) / 20 * 21);
  }

  /** The process of the slow test. */
  public static void main(String[] args) throws Exception {
    PretrainedModel model = PretrainedModel.load(MODEL);
    List<int[]> expected = ofTheLibrary(model, MANY);
    try (TestService service = service(model)) {
      for (int round = 0; round < ROUNDS; round++) {
        assertRound(service, expected);
        System.out.println("resident " + residentMegabytes());
      }
    }
  }

  private static long residentMegabytes() throws IOException {
    for (String line : Files.readAllLines(STATUS)) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) >> 10;
      }
    }
    throw new IOException(STATUS + " must give VmRSS");
  }

  /** A service that closes the model with itself. */
  private static TestService service(PretrainedModel model) throws IOException {
    return new TestService(TestService.ofClasses("fashion", model, List.of()));
  }

  /** The pictures of seeds 0 to n - 1, of class seed modulo 10. */
  private static List<int[]> ofTheLibrary(PretrainedModel model, int n) {
    SamplingRequest request =
        SamplingRequest.builder(n)
            .batchSize(CLIENTS)
            .seeds(LongStream.range(0, n).toArray())
            .condition(Condition.labels(IntStream.range(0, n).map(i -> i % 10).toArray()))
            .build();
    try (SamplingResult result =
        TestService.sampler("dpm++2m", model.scheduler(), STEPS).sample(model.model(), request)) {
      return IntStream.range(0, n)
          .mapToObj(i -> pixels(ImageFiles.image(result.samples().slice(i))))
          .toList();
    }
  }

  private static String body(int seed, int count) {
    return String.format(
        "{\"class\": %d, \"steps\": %d, \"guidance\": 1, \"seed\": %d, \"count\": %d}",
        seed % 10, STEPS, seed, count);
  }

  private static void assertRound(TestService service, List<int[]> expected) throws Exception {
    ExecutorService clients = Executors.newFixedThreadPool(CLIENTS + 1);
    try (Socket neverRead =
        service.open(GENERATE, body(0, CLIENTS), "Accept", "text/event-stream")) {
      Future<byte[]> slow = clients.submit(() -> readSlowly(service));
      List<Future<?>> others = new ArrayList<>();
      for (int i = 0; i < expected.size(); i++) {
        int seed = i;
        others.add(
            clients.submit(
                () -> {
                  if (seed % 3 == 0) {
                    goAway(service, seed);
                  } else {
                    assertThat(pixels(ask(service, seed))).isEqualTo(expected.get(seed));
                  }
                  return null;
                }));
      }
      for (Future<?> other : others) {
        other.get();
      }
      assertThat(pixels(pictures(slow.get()).get(0))).isEqualTo(expected.get(1));
      assertThat(neverRead.isClosed()).isFalse();
    } finally {
      clients.shutdownNow();
    }
  }

  private static BufferedImage ask(TestService service, int seed) throws Exception {
    String form = FORMS.get(seed / 3 % FORMS.size());
    HttpResponse<byte[]> answer = service.post(GENERATE, body(seed, 1), "Accept", form);
    assertThat(answer.statusCode()).isEqualTo(200);
    return form.equals("image/png") ? image(answer.body()) : pictures(answer.body()).get(0);
  }

  /** Some of these go away before their turn, some while they are drawn. */
  private static void goAway(TestService service, int seed) throws Exception {
    String form = FORMS.get(seed / 3 % FORMS.size());
    try (Socket socket = service.open(GENERATE, body(seed, 1), "Accept", form)) {
      Thread.sleep(seed % 50);
      assertThat(socket.isConnected()).isTrue();
    }
  }

  private static byte[] readSlowly(TestService service) throws Exception {
    ByteArrayOutputStream answer = new ByteArrayOutputStream();
    byte[] some = new byte[4096];
    HttpRequest request =
        service.request(GENERATE, body(1, CLIENTS), "Accept", "text/event-stream");
    try (InputStream in = service.client().send(request, BodyHandlers.ofInputStream()).body()) {
      for (int n = in.read(some); n >= 0; n = in.read(some)) {
        answer.write(some, 0, n);
        Thread.sleep(20);
      }
    }
    return answer.toByteArray();
  }
}
