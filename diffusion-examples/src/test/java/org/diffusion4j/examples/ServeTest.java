package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.diffusion4j.examples.serve.PictureModel;
import org.diffusion4j.examples.serve.PictureServer;
import org.junit.jupiter.api.Test;

class ServeTest {

  @Test
  void load_measuresAServiceThatRuns() throws Exception {
    PictureModel model =
        PictureModel.ofClasses(
            Clothes.NAME,
            Clothes.orModel(Path.of(Clothes.NAME)),
            Clothes.CLASSES,
            (name, config, steps) -> new NamedSampler(name).sampler(config, steps));
    try (PictureServer server =
        PictureServer.start(PictureServer.Settings.of(0, 8), List.of(model), List.of("dpm++2m"))) {
      Runs run = Runs.of("load", "--url", server.url(), "--callers=2", "--requests=2", "--steps=1");
      assertThat(run.exitCode()).as(run.err()).isZero();
      assertThat(run.out()).contains("1 caller ", "2   callers", "pictures/s", "ratio");
      Runs refused = Runs.of("load", "--url", server.url(), "--class=10");
      assertThat(refused.exitCode()).isEqualTo(1);
      assertThat(refused.err()).contains("400", "class must be in [0, 9]");
    }
  }
}
