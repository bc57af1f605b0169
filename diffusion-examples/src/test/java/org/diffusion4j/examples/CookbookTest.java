package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The code in the cookbook compiles and runs as it stands there. */
class CookbookTest {

  @TempDir Path directory;

  @Test
  void snippets_run() throws Exception {
    List<String> blocks = Snippets.of(Path.of("..", "docs", "cookbook.md"));
    assertThat(blocks).hasSizeGreaterThan(10);
    UNetConfig config =
        UNetConfig.builder(1, 8, 8)
            .blockOutChannels(8, 16)
            .layersPerBlock(1)
            .normGroups(4)
            .classes(10)
            .nullClass(true)
            .build();
    try (UNet model = UNet.create(config, NoiseSchedule.linear(1000), 1);
        Snippets program = Snippets.compile(blocks, "SameDiffDenoiser model", directory)) {
      for (int i = 0; i < blocks.size(); i++) {
        program.run(i, SameDiffDenoiser.class, model);
      }
    }
    assertThat(
            List.of(
                "samples.png",
                "again.png",
                "partial.png",
                "step9.png",
                "step49.png",
                "repainted.png",
                "strip.png",
                "between.png",
                "restyled.png"))
        .allSatisfy(file -> assertThat(directory.resolve(file)).exists());
  }
}
