package org.diffusion4j.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.spring.DiffusionAutoConfiguration;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** The service of the documentation. */
class DigitsControllerTest {

  @Test
  void digits_arePng() throws IOException {
    UNetConfig config = UNetConfig.builder(1, 8, 8).blockOutChannels(8, 8).normGroups(4).build();
    try (UNet model = UNet.create(config, NoiseSchedule.linear(1000), 1)) {
      PretrainedModel.of(model).save(directory);
    }
    new ApplicationContextRunner()
        .withConfiguration(AutoConfigurations.of(DiffusionAutoConfiguration.class))
        .withUserConfiguration(DigitsController.class)
        .withPropertyValues(
            "diffusion.models.digits.path=" + directory, "diffusion.models.digits.steps=2")
        .run(
            context -> {
              DigitsController controller = context.getBean(DigitsController.class);
              byte[] png = controller.digits(6, 7L);
              BufferedImage picture = ImageIO.read(new ByteArrayInputStream(png));
              assertThat(picture.getWidth()).isEqualTo(4 * (8 * 8 + 1) + 1);
              assertThat(picture.getHeight()).isEqualTo(2 * (8 * 8 + 1) + 1);
              assertThat(controller.digits(6, 7L)).isEqualTo(png);
              assertThat(controller.digits(6, null)).isNotEqualTo(png);
              assertThatIllegalArgumentException().isThrownBy(() -> controller.digits(65, null));
            });
  }

  @TempDir Path directory;

  @Test
  void page_showsThisController() throws IOException {
    Path source =
        Path.of("src", "test", "java", "org", "diffusion4j", "example", "DigitsController.java");
    String code = Files.readString(source);
    assertThat(Files.readString(Path.of("..", "docs", "spring.md")))
        .contains(code.substring(code.indexOf("@RestController")));
  }
}
