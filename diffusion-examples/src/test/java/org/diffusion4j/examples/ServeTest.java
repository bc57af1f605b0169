package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.diffusion4j.examples.serve.PictureModel;
import org.diffusion4j.examples.serve.PictureServer;
import org.diffusion4j.pretrained.PretrainedModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServeTest {

  @TempDir Path directory;

  /** A service of the bundled model of clothes, which closes it. */
  private static PictureServer serve(PretrainedModel clothes) throws IOException {
    PictureModel model =
        PictureModel.ofClasses(
            Clothes.NAME,
            clothes,
            Clothes.CLASSES,
            (name, config, steps) -> new NamedSampler(name).sampler(config, steps));
    return PictureServer.start(PictureServer.Settings.of(0, 8), List.of(model), List.of("dpm++2m"));
  }

  /** The code of the page on the service compiles, and draws the picture of the service. */
  @Test
  void code_drawsThePictureOfTheService() throws Exception {
    List<String> blocks = Snippets.of(Path.of("..", "docs", "serve.md"));
    assertThat(blocks).hasSize(1);
    PretrainedModel clothes = Clothes.orModel(Path.of(Clothes.NAME));
    try (PictureServer server = serve(clothes);
        Snippets program = Snippets.compile(blocks, "PretrainedModel model", directory)) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(server.url()).resolve("/api/generate"))
              .header("Content-Type", "application/json")
              .header("Accept", "image/png")
              .POST(BodyPublishers.ofString("{\"class\": \"Sneaker\", \"seed\": 7}"))
              .build();
      HttpResponse<byte[]> answer =
          HttpClient.newHttpClient().send(request, BodyHandlers.ofByteArray());
      program.run(0, PretrainedModel.class, clothes);
      assertThat(pixels(ImageIO.read(new ByteArrayInputStream(answer.body()))))
          .isEqualTo(pixels(ImageIO.read(directory.resolve("sneaker.png").toFile())));
    }
  }

  /** The brightness of each pixel, of a grey picture in grey or in colours. */
  private static int[] pixels(BufferedImage picture) {
    return picture
        .getRaster()
        .getSamples(0, 0, picture.getWidth(), picture.getHeight(), 0, (int[]) null);
  }

  @Test
  void load_measuresAServiceThatRuns() throws Exception {
    try (PictureServer server = serve(Clothes.orModel(Path.of(Clothes.NAME)))) {
      Runs run = Runs.of("load", "--url", server.url(), "--callers=2", "--requests=2", "--steps=1");
      assertThat(run.exitCode()).as(run.err()).isZero();
      assertThat(run.out()).contains("1 caller ", "2   callers", "pictures/s", "ratio");
      Runs refused = Runs.of("load", "--url", server.url(), "--class=10");
      assertThat(refused.exitCode()).isEqualTo(1);
      assertThat(refused.err()).contains("400", "class must be in [0, 9]");
    }
  }
}
