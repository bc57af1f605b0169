package org.diffusion4j.examples.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.examples.serve.TestService.GENERATE;
import static org.diffusion4j.examples.serve.TestService.SIZE;
import static org.diffusion4j.examples.serve.TestService.base64;
import static org.diffusion4j.examples.serve.TestService.image;
import static org.diffusion4j.examples.serve.TestService.list;
import static org.diffusion4j.examples.serve.TestService.object;
import static org.diffusion4j.examples.serve.TestService.pictures;
import static org.diffusion4j.examples.serve.TestService.pixels;
import static org.diffusion4j.examples.serve.TestService.sentence;

import com.fasterxml.jackson.jr.ob.JSON;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PictureServerTest {

  private static final String THREE =
      "{'class': 'square', 'sampler': 'ddim', 'steps': 3, 'seed': 7, 'count': 3, 'guidance': 2}"
          .replace('\'', '"');

  private static PretrainedModel model;
  private static TestService service;

  @BeforeAll
  static void start() throws IOException {
    model = TestService.untrained();
    service = new TestService(TestService.ofClasses("shapes", model, TestService.CLASSES));
  }

  @AfterAll
  static void stop() {
    service.close();
  }

  private static HttpResponse<byte[]> generate(String body, String... headers) throws Exception {
    return service.post(GENERATE, body, headers);
  }

  private static List<int[]> ofTheLibrary(int label, long... seeds) {
    SamplingRequest request =
        SamplingRequest.builder(seeds.length)
            .seeds(seeds)
            .condition(Condition.label(label, seeds.length))
            .build();
    try (SamplingResult result =
        TestService.sampler("ddim", model.scheduler(), 3)
            .sample(ClassifierFreeGuidance.of(model.model(), 2), request)) {
      return IntStream.range(0, seeds.length)
          .mapToObj(i -> pixels(ImageFiles.image(result.samples().slice(i))))
          .toList();
    }
  }

  @Test
  void generate_givesTheLibrarysPictures() throws Exception {
    HttpResponse<byte[]> answer = generate(THREE);
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(pictures(answer.body()).stream().map(TestService::pixels))
        .containsExactlyElementsOf(ofTheLibrary(1, 7, 8, 9));
    Map<?, ?> last = (Map<?, ?>) list(object(answer.body()).get("pictures")).get(2);
    last.remove("png");
    assertThat(last)
        .isEqualTo(
            Map.of(
                "model",
                "shapes",
                "class",
                1,
                "sampler",
                "ddim",
                "steps",
                3,
                "guidance",
                2.0,
                "seed",
                9));
  }

  @Test
  void generate_asPng_givesAGrid() throws Exception {
    HttpResponse<byte[]> answer = generate(THREE, "Accept", "image/png");
    assertThat(answer.headers().firstValue("Content-Type")).contains("image/png");
    BufferedImage grid = image(answer.body());
    assertThat(grid.getWidth()).isEqualTo(2 * SIZE);
    assertThat(pixels(grid.getSubimage(0, SIZE, SIZE, SIZE))).isEqualTo(ofTheLibrary(1, 9).get(0));
    assertThat(new String(answer.body(), StandardCharsets.ISO_8859_1))
        .contains("\"sampler\":\"ddim\"");
  }

  @Test
  void generate_asEvents_tellsOfStepsAndEndsWithThePictures() throws Exception {
    byte[] events = generate(THREE, "Accept", "text/event-stream").body();
    String text = new String(events, StandardCharsets.UTF_8);
    assertThat(text).startsWith("event: waiting\ndata: {\"ahead\":0}\n\n").endsWith("}\n\n");
    assertThat(pictures(events).stream().map(TestService::pixels))
        .containsExactlyElementsOf(ofTheLibrary(1, 7, 8, 9));
    int step = text.indexOf("event: step\ndata: ");
    if (step >= 0) {
      Map<String, Object> first =
          JSON.std.mapFrom(text.substring(step + "event: step\ndata: ".length()));
      assertThat(first).containsEntry("steps", 3);
      assertThat(list(first.get("previews"))).hasSize(3);
    }
  }

  @Test
  void generate_withoutASeed_drawsOne() throws Exception {
    String body = "{\"class\": 0, \"steps\": 1}";
    assertThat(generate(body).body()).isNotEqualTo(generate(body).body());
  }

  @Test
  void repaint_keepsWhatIsBlackInTheMask() throws Exception {
    BufferedImage picture = pictures(generate(THREE).body()).get(0);
    BufferedImage mask = new BufferedImage(SIZE, SIZE, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < SIZE * SIZE / 2; i++) {
      mask.setRGB(i % SIZE, i / SIZE, 0xffffff);
    }
    HttpResponse<byte[]> answer =
        service.post("/api/repaint", repaint(base64(picture), base64(mask)));
    assertThat(answer.statusCode()).isEqualTo(200);
    BufferedImage repainted = pictures(answer.body()).get(0);
    assertThat(pixels(half(repainted, 1))).isEqualTo(pixels(half(picture, 1)));
    assertThat(pixels(half(repainted, 0))).isNotEqualTo(pixels(half(picture, 0)));
  }

  private static BufferedImage half(BufferedImage picture, int which) {
    return picture.getSubimage(0, which * SIZE / 2, SIZE, SIZE / 2);
  }

  private static String repaint(String picture, String mask) {
    return "{\"class\": 1, \"steps\": 3, \"picture\": \""
        + picture
        + "\", \"mask\": \""
        + mask
        + "\"}";
  }

  @Test
  void repaint_ofWhatIsNoPictureOfTheModel_isRefusedByItsHeader() throws Exception {
    BufferedImage good = new BufferedImage(SIZE, SIZE, BufferedImage.TYPE_INT_RGB);
    byte[] huge = Png.bytes(good, "");
    ByteBuffer.wrap(huge).putInt(16, 1 << 30).putInt(20, 1 << 30);
    byte[] damaged = Png.bytes(good, "");
    damaged[45] ^= 1;
    Map<String, String> bad =
        Map.of(
            Base64.getEncoder().encodeToString(huge),
            "had 1073741824x1073741824",
            Base64.getEncoder().encodeToString(damaged),
            "damaged",
            "AAAA",
            "no PNG file",
            "?",
            "base64");
    for (Map.Entry<String, String> one : bad.entrySet()) {
      for (boolean first : new boolean[] {true, false}) {
        String body =
            first ? repaint(one.getKey(), base64(good)) : repaint(base64(good), one.getKey());
        HttpResponse<byte[]> answer = service.post("/api/repaint", body);
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(sentence(answer))
            .startsWith(first ? "picture must be" : "mask must be")
            .contains(one.getValue());
      }
    }
    HttpResponse<byte[]> nothing =
        service.post("/api/repaint", repaint(base64(good), base64(good)));
    assertThat(sentence(nothing)).contains("mask must be white where to paint");
  }

  @Test
  void blend_leadsFromOnePictureToTheOther() throws Exception {
    String body =
        ("{'sampler': 'ddim', 'steps': 3, 'guidance': 2, 'frames': 4,"
                + " 'from': {'seed': 7, 'class': 0}, 'to': {'seed': 9, 'class': 'square'}}")
            .replace('\'', '"');
    HttpResponse<byte[]> answer = service.post("/api/blend", body);
    assertThat(answer.statusCode()).isEqualTo(200);
    List<int[]> frames = pictures(answer.body()).stream().map(TestService::pixels).toList();
    assertThat(frames).hasSize(4).doesNotHaveDuplicates();
    assertThat(frames.get(0)).isEqualTo(ofTheLibrary(0, 7).get(0));
    assertThat(frames.get(3)).isEqualTo(ofTheLibrary(1, 9).get(0));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {}                                        | class must be in [0, 1] or the name of a class
          {"class": 2}                              | class must be in [0, 1]
          {"class": 0.5}                            | class must be
          {"class": "../secret"}                    | class must be
          {"class": 0, "model": "/etc/passwd"}      | model must be one of shapes but was "/etc/passwd"
          {"class": 0, "prompt": "a cat"}           | prompt is for models of texts
          {"class": 0, "steps": 0}                  | steps must be a whole number in [1, 250] but was 0
          {"class": 0, "steps": 251}                | steps must be a whole number in [1, 250]
          {"class": 0, "steps": "many"}             | steps must be
          {"class": 0, "count": 17}                 | count must be a whole number in [1, 16]
          {"class": 0, "count": 1e9}                | count must be
          {"class": 0, "seed": -1}                  | seed must be
          {"class": 0, "seed": 9007199254740993}    | seed must be
          {"class": 0, "guidance": 21}              | guidance must be
          {"class": 0, "guidance": "NaN"}           | guidance must be
          {"class": 0, "guidance": 1e999}           | guidance must be
          {"class": 0, "sampler": "lcm"}            | sampler must be one of ddim, dpm++2m but was "lcm"
          {"class": 0, "size": 512}                 | size is not a field
          {"class": 0                               | body must be one JSON object
          [1]                                       | body must be one JSON object
          {"class": 0} {"class": 0}                 | body must be one JSON object
          {"class": [[[[[[[[[[[[[[0]]]]]]]]]]]]]]}  | body must be one JSON object
          """)
  void generate_ofBadInput_namesTheField(String body, String start) throws Exception {
    HttpResponse<byte[]> answer = generate(body);
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(sentence(answer)).startsWith(start).hasSizeLessThan(300);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"frames": 3, "to": {"seed": 1, "class": 0}}                                   | from must be an object
          {"frames": 1, "from": {"seed": 1, "class": 0}, "to": {"seed": 1, "class": 0}}  | frames must be
          {"from": {"class": 0}, "to": {"seed": 1, "class": 0}}                          | from.seed must be
          {"from": {"seed": 1, "class": 9}, "to": {"seed": 1, "class": 0}}               | from.class must be
          """)
  void blend_ofBadInput_namesTheField(String body, String start) throws Exception {
    HttpResponse<byte[]> answer = service.post("/api/blend", body);
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(sentence(answer)).startsWith(start);
  }

  @Test
  void body_ofTheWrongKindOrSize_isRefused() throws Exception {
    assertThat(generate(THREE, "Content-Type", "text/plain").statusCode()).isEqualTo(415);
    assertThat(generate(THREE, "Accept", "text/html").statusCode()).isEqualTo(406);
    HttpResponse<byte[]> large = generate(" ".repeat(1 << 20));
    assertThat(large.statusCode()).isEqualTo(413);
    assertThat(sentence(large)).startsWith("body must have at most");
  }

  @ParameterizedTest
  @CsvSource({
    "Origin,http://example.org",
    "Origin,null",
    "Sec-Fetch-Site,cross-site",
    "Sec-Fetch-Site,same-site",
    "Host,example.org",
    "Host,127.0.0.1.example.org:80"
  })
  void generate_fromAnotherSite_isForbidden(String header, String value) throws Exception {
    try (Socket socket = service.open(GENERATE, THREE, header, value, "Connection", "close")) {
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(answer).startsWith("HTTP/1.1 403 ").doesNotContain("png");
    }
  }

  @Test
  void generate_fromTheOwnPage_isAllowed() throws Exception {
    String origin = "http://127.0.0.1:" + service.port();
    assertThat(generate(THREE, "Origin", origin, "Sec-Fetch-Site", "same-origin").statusCode())
        .isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/nothing", "/../pom.xml", "/%2e%2e/pom.xml", "/index.html/", "/api"})
  void otherPaths_areNotFound(String path) throws Exception {
    assertThat(service.get(path).statusCode()).isEqualTo(404);
  }

  @Test
  void methods_areThoseOfThePath() throws Exception {
    assertThat(service.get(GENERATE).statusCode()).isEqualTo(405);
    assertThat(service.post("/health", "{}").statusCode()).isEqualTo(405);
  }

  @Test
  void page_isServedUnderAPolicy() throws Exception {
    HttpResponse<String> page = service.get("/");
    assertThat(page.body()).contains("<html");
    assertThat(page.headers().firstValue("Content-Security-Policy").orElse(""))
        .contains("default-src 'none'", "frame-ancestors 'none'");
    for (String file : List.of("/app.js", "/style.css", "/icon.svg")) {
      assertThat(service.get(file).statusCode()).isEqualTo(200);
    }
  }

  @Test
  void openApi_describesThePathsAndTheirFields() throws Exception {
    Map<String, Object> api = JSON.std.mapFrom(service.get("/openapi.json").body());
    Map<?, ?> paths = (Map<?, ?>) api.get("paths");
    assertThat(paths.keySet())
        .isEqualTo(
            Set.of(
                "/api/generate",
                "/api/repaint",
                "/api/blend",
                "/api/models",
                "/health",
                "/metrics"));
    for (Object path : paths.keySet()) {
      int status =
          ((Map<?, ?>) paths.get(path)).containsKey("post")
              ? service.post(path.toString(), "{}").statusCode()
              : service.get(path.toString()).statusCode();
      assertThat(status).as("%s", path).isIn(200, 400);
    }
  }

  @Test
  void models_areListedWithTheirDefaults() throws Exception {
    Map<String, Object> all = JSON.std.mapFrom(service.get("/api/models").body());
    Map<?, ?> shapes = (Map<?, ?>) list(all.get("models")).get(0);
    assertThat(shapes.get("kind")).isEqualTo("classes");
    assertThat(shapes.get("classes")).isEqualTo(TestService.CLASSES);
    assertThat(shapes.get("guided")).isEqualTo(true);
  }

  @Test
  void metrics_countRequestsAndBatches() throws Exception {
    generate(THREE);
    assertThat(service.get("/metrics").body())
        .contains("diffusion_service_requests_seconds_count{outcome=\"done\"}")
        .contains("diffusion_service_batch_count");
    assertThat(service.get("/health").body()).contains("\"status\":\"up\"");
  }
}
