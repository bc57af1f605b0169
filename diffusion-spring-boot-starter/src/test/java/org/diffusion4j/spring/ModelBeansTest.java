package org.diffusion4j.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.diffusion4j.Condition;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

class ModelBeansTest {

  @TempDir static Path directory;

  @BeforeAll
  static void save() throws IOException {
    Models.save(directory.resolve("digits"), 0);
    Models.save(directory.resolve("clothes"), 3);
  }

  private static ApplicationContextRunner application(String... properties) {
    return Models.application(directory.resolve("digits"), properties);
  }

  /** What the model gives without Spring. */
  private static void assertSame(SamplingResult actual, Sampler sampler, SamplingRequest request)
      throws IOException {
    try (actual;
        PretrainedModel loaded = PretrainedModel.load(directory.resolve("digits"));
        SamplingResult expected = sampler.sample(loaded.model(), request)) {
      assertThat(actual.samples()).isEqualTo(expected.samples());
    }
  }

  @Test
  void model_isABeanOfItsName() {
    application()
        .run(
            context -> {
              assertThat(context).hasNotFailed().hasSingleBean(DiffusionModel.class);
              DiffusionModel model = context.getBean("digits", DiffusionModel.class);
              assertThat(model.name()).isEqualTo("digits");
              assertThat(model.failure()).isEmpty();
              assertThat(context.getBean(PretrainedModel.class)).isSameAs(model.pretrained());
            });
  }

  @Test
  void sample_givesTheSamplesOfTheLibrary() {
    application()
        .run(
            context -> {
              SamplingRequest request = SamplingRequest.builder(3).seed(7).build();
              assertSame(
                  context.getBean(DiffusionModel.class).sample(request),
                  Samplers.named("ddim", 2),
                  request);
            });
  }

  @Test
  void sampler_byName_isTheOneUsed() {
    application("diffusion.models.digits.sampler=dpm++2m", "diffusion.models.digits.steps=3")
        .run(
            context -> {
              SamplingRequest request = SamplingRequest.builder(2).seed(7).build();
              assertSame(
                  context.getBean(DiffusionModel.class).sample(request),
                  Samplers.named("dpm++2m", 3),
                  request);
            });
  }

  @Test
  void sampler_scheduler_isTheDirectorys() {
    application("diffusion.models.digits.sampler=scheduler")
        .run(
            context -> {
              SamplingRequest request = SamplingRequest.builder(2).seed(7).build();
              DiffusionModel model = context.getBean(DiffusionModel.class);
              assertSame(
                  model.sample(request), Samplers.of(model.pretrained().scheduler(), 2), request);
            });
  }

  @Test
  void seed_ofTheSettings_isThatOfRequestsWithoutOne() {
    application("diffusion.models.digits.seed=-5")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              try (SamplingResult one = model.sample(2);
                  SamplingResult other = model.sample(2);
                  SamplingResult own = model.sample(model.request(2).seed(6).build())) {
                assertThat(one.samples()).isEqualTo(other.samples()).isNotEqualTo(own.samples());
              }
              assertThat(model.request(1).build().seed()).hasValue(-5);
            });
  }

  @Test
  void sample_withoutASeed_differsEachTime() {
    application()
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              try (SamplingResult one = model.sample(1);
                  SamplingResult other = model.sample(1)) {
                assertThat(one.samples()).isNotEqualTo(other.samples());
              }
            });
  }

  @Test
  void guidance_guidesTheModel() {
    Models.application(directory.resolve("clothes"), "diffusion.models.digits.guidance=3")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              SamplingRequest request =
                  model.request(2).seed(1).condition(Condition.labels(0, 2)).build();
              SameDiffDenoiser denoiser = model.pretrained().model();
              try (SamplingResult actual = model.sample(request);
                  SamplingResult expected =
                      Samplers.named("ddim", 2)
                          .sample(ClassifierFreeGuidance.of(denoiser, 3), request)) {
                assertThat(actual.samples()).isEqualTo(expected.samples());
              }
            });
  }

  @Test
  void memoryLimit_isThatOfRequests() {
    application("diffusion.models.digits.memory-limit=3MB")
        .run(
            context ->
                assertThat(context.getBean(DiffusionModel.class).request(1).build().memoryLimit())
                    .hasValue(3L << 20));
  }

  @Test
  void samples_moreThanAllowed_areRefused() {
    application("diffusion.models.digits.max-samples=4")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              for (int count : new int[] {0, 5, Integer.MAX_VALUE}) {
                assertThatIllegalArgumentException()
                    .isThrownBy(() -> model.sample(count))
                    .withMessage("samples must be in [1, 4] but were " + count);
              }
              assertThatIllegalArgumentException()
                  .isThrownBy(() -> model.sample(SamplingRequest.of(5)));
              model.sample(4).close();
            });
  }

  /** What an application with two models looks like. */
  static final class Gallery {

    final DiffusionModel digits;
    final PretrainedModel clothes;
    final Map<String, DiffusionModel> all;

    Gallery(
        @Qualifier("digits") DiffusionModel digits,
        @Qualifier("clothes") PretrainedModel clothes,
        Map<String, DiffusionModel> all) {
      this.digits = digits;
      this.clothes = clothes;
      this.all = all;
    }
  }

  @Test
  void models_severalOfThem_areToldApartByName() {
    application("diffusion.models.clothes.path=" + directory.resolve("clothes"))
        .withBean(Gallery.class)
        .run(
            context -> {
              Gallery gallery = context.getBean(Gallery.class);
              assertThat(gallery.digits.name()).isEqualTo("digits");
              assertThat(gallery.clothes.model().classes()).isEqualTo(3);
              assertThat(gallery.all.keySet()).containsExactlyInAnyOrder("digits", "clothes");
            });
  }

  @Test
  void application_withoutModels_starts() {
    new ApplicationContextRunner()
        .withConfiguration(AutoConfigurations.of(DiffusionAutoConfiguration.class))
        .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(DiffusionModel.class));
  }

  @Test
  void model_closesWithTheApplication() {
    AtomicReference<SameDiffDenoiser> denoiser = new AtomicReference<>();
    application()
        .run(context -> denoiser.set(context.getBean(DiffusionModel.class).pretrained().model()));
    assertThatIllegalStateException()
        .isThrownBy(() -> denoiser.get().parameters())
        .withMessage("the model is closed");
    assertThat(denoiser.get().weightBytes()).isZero();
  }
}
