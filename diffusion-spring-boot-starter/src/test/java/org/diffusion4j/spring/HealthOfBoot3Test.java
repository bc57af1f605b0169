package org.diffusion4j.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.actuate.health.Health;
import org.springframework.boot.actuate.health.HealthIndicator;
import org.springframework.boot.actuate.health.Status;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ApplicationContext;

class HealthOfBoot3Test {

  @TempDir static Path directory;

  @BeforeAll
  static void save() throws IOException {
    Models.save(directory.resolve("digits"), 0);
  }

  private static ApplicationContextRunner application(String model, String... properties) {
    return Models.application(directory.resolve(model), properties)
        .withClassLoader(new FilteredClassLoader("org.springframework.boot.health"));
  }

  private static Health health(ApplicationContext context) {
    return context.getBean("diffusionHealthIndicator", HealthIndicator.class).health();
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> digits(Health health) {
    return (Map<String, Object>) health.getDetails().get("digits");
  }

  @Test
  void health_ofALoadedModel_isUpWithItsDetails() {
    application("digits")
        .run(
            context -> {
              Health health = health(context);
              assertThat(health.getStatus()).isEqualTo(Status.UP);
              assertThat(digits(health))
                  .containsEntry("path", directory.resolve("digits").toString())
                  .containsEntry(
                      "parameters",
                      context.getBean(DiffusionModel.class).pretrained().model().parameterCount())
                  .containsEntry("sampleShape", List.of(1L, 8L, 8L))
                  .containsEntry("sampler", "ddim")
                  .containsEntry("steps", 2)
                  .containsEntry("running", 0)
                  .containsEntry("waiting", 0)
                  .doesNotContainKey("failure");
            });
  }

  @Test
  void health_ofAModelThatIsNotLoaded_isDownWithTheSentence() {
    application("missing", "diffusion.fail-fast=false")
        .run(
            context -> {
              Health health = health(context);
              assertThat(health.getStatus()).isEqualTo(Status.DOWN);
              assertThat(digits(health))
                  .containsEntry(
                      "failure",
                      "diffusion.models.digits.path must be a model directory but there is nothing"
                          + " at "
                          + directory.resolve("missing"));
            });
  }

  @Test
  void health_duringShutdown_isOutOfService() {
    application("digits")
        .run(
            context -> {
              context.getBean(DiffusionModel.class).gate().close();
              assertThat(health(context).getStatus()).isEqualTo(Status.OUT_OF_SERVICE);
            });
  }

  @Test
  void health_canBeDisabled() {
    for (String property : List.of("diffusion", "defaults")) {
      application("digits", "management.health." + property + ".enabled=false")
          .run(context -> assertThat(context).doesNotHaveBean("diffusionHealthIndicator"));
    }
    application(
            "digits",
            "management.health.defaults.enabled=false",
            "management.health.diffusion.enabled=true")
        .run(context -> assertThat(context).hasBean("diffusionHealthIndicator"));
  }

  @Test
  void application_withoutActuator_starts() {
    Models.application(directory.resolve("digits"))
        .withClassLoader(
            new FilteredClassLoader(
                "org.springframework.boot.health", "org.springframework.boot.actuate"))
        .run(
            context ->
                assertThat(context).hasNotFailed().doesNotHaveBean("diffusionHealthIndicator"));
  }
}
