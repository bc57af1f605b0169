package org.diffusion4j.examples.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.examples.serve.TestService.GENERATE;
import static org.diffusion4j.examples.serve.TestService.base64;
import static org.diffusion4j.examples.serve.TestService.pictures;
import static org.diffusion4j.examples.serve.TestService.pixels;
import static org.diffusion4j.examples.serve.TestService.sentence;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import org.diffusion4j.text.ImageRequest;
import org.diffusion4j.text.TextToImage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The model of emoji. */
class TextModelTest {

  private static final Path MODEL = Path.of("src/main/resources/org/diffusion4j/examples/emoji");

  private static TextToImage model;
  private static TestService service;

  @BeforeAll
  static void start() throws IOException {
    model = TextToImage.load(MODEL);
    service = new TestService(PictureModel.ofTexts("emoji", model, TestService::sampler));
  }

  @AfterAll
  static void stop() {
    service.close();
  }

  private static List<BufferedImage> post(String path, String body) throws Exception {
    HttpResponse<byte[]> answer = service.post(path, body.replace('\'', '"'));
    assertThat(answer.statusCode()).as(new String(answer.body())).isEqualTo(200);
    return pictures(answer.body());
  }

  private static int[] ofTheLibrary(String prompt, long seed) {
    return pixels(
        model
            .generate(
                ImageRequest.builder(prompt)
                    .seed(seed)
                    .guidanceScale(3)
                    .sampler(TestService.sampler("ddim", model.scheduler(), 2))
                    .build())
            .get(0));
  }

  @Test
  void generate_givesTheLibrarysPictures() throws Exception {
    List<BufferedImage> two =
        post(
            GENERATE,
            "{'prompt': 'a red heart', 'sampler': 'ddim', 'steps': 2, 'seed': 5, 'count': 2}");
    assertThat(two.stream().map(TestService::pixels))
        .containsExactly(ofTheLibrary("a red heart", 5), ofTheLibrary("a red heart", 6));
  }

  @Test
  void repaint_keepsWhatIsBlackInTheMask() throws Exception {
    BufferedImage picture = post(GENERATE, "{'prompt': 'the sun', 'steps': 2}").get(0);
    int size = picture.getWidth();
    BufferedImage mask = new BufferedImage(size, size, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < size; y++) {
      mask.setRGB(0, y, 0xffffff);
    }
    BufferedImage repainted =
        post(
                "/api/repaint",
                String.format(
                    "{'prompt': 'the sun', 'steps': 2, 'picture': '%s', 'mask': '%s'}",
                    base64(picture), base64(mask)))
            .get(0);
    assertThat(pixels(repainted.getSubimage(1, 0, size - 1, size)))
        .isEqualTo(pixels(picture.getSubimage(1, 0, size - 1, size)));
    assertThat(pixels(repainted)).isNotEqualTo(pixels(picture));
  }

  @Test
  void blend_leadsFromOnePictureToTheOther() throws Exception {
    List<BufferedImage> frames =
        post(
            "/api/blend",
            "{'sampler': 'ddim', 'steps': 2, 'frames': 3, 'from': {'seed': 5, 'prompt': 'a fish'},"
                + " 'to': {'seed': 6, 'prompt': 'a bird'}}");
    assertThat(pixels(frames.get(0))).isEqualTo(ofTheLibrary("a fish", 5));
    assertThat(pixels(frames.get(2))).isEqualTo(ofTheLibrary("a bird", 6));
  }

  @Test
  void generate_withoutATextOrWithAClass_isRefused() throws Exception {
    for (String body : List.of("{}", "{\"prompt\": \" \"}")) {
      HttpResponse<byte[]> answer = service.post(GENERATE, body);
      assertThat(answer.statusCode()).isEqualTo(400);
      assertThat(sentence(answer)).startsWith("prompt must be");
    }
    String longText = "{\"prompt\": \"" + "x".repeat(301) + "\"}";
    assertThat(sentence(service.post(GENERATE, longText))).contains("300", "301");
    String label = "{\"prompt\": \"a cat\", \"class\": 1}";
    assertThat(sentence(service.post(GENERATE, label)))
        .startsWith("class is for models of classes");
  }
}
