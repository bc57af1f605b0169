package org.diffusion4j.spring;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** Small models, saved, and applications with them. */
final class Models {

  private Models() {}

  /** Saves a model of pictures of 8x8 pixels and returns where. */
  static Path save(Path directory, int classes) throws IOException {
    UNetConfig.Builder config =
        UNetConfig.builder(1, 8, 8).blockOutChannels(8, 8).layersPerBlock(1).normGroups(4);
    if (classes > 0) {
      config.classes(classes).nullClass(true);
    }
    try (UNet model = UNet.create(config.build(), NoiseSchedule.linear(1000), 1)) {
      PretrainedModel.of(model).save(directory);
    }
    return directory;
  }

  /** An application with the model {@code digits}, which takes two steps. */
  static ApplicationContextRunner application(Path model, String... properties) {
    return new ApplicationContextRunner()
        .withConfiguration(AutoConfigurations.of(DiffusionAutoConfiguration.class))
        .withPropertyValues("diffusion.models.digits.path=" + model)
        .withPropertyValues("diffusion.models.digits.steps=2")
        .withPropertyValues(properties);
  }
}
