package org.diffusion4j.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.test.context.FilteredClassLoader;

class MetricsTest {

  @TempDir static Path directory;

  private final MeterRegistry registry = new SimpleMeterRegistry();

  @BeforeAll
  static void save() throws IOException {
    Models.save(directory.resolve("digits"), 0);
  }

  @Test
  void runs_areMeasured() {
    Models.application(directory.resolve("digits"))
        .withBean(MeterRegistry.class, () -> registry)
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              model.sample(3).close();

              assertThat(
                      registry
                          .get("diffusion.sampling.runs")
                          .tags("model", "digits", "sampler", "ddim")
                          .timer()
                          .count())
                  .isEqualTo(1);
              assertThat(registry.get("diffusion.sampling.samples").counter().count()).isEqualTo(3);
              assertThat(registry.get("diffusion.denoiser.calls").timer().count()).isEqualTo(2);
              assertThat(registry.get("diffusion.memory.weights").gauge().value())
                  .isEqualTo(model.pretrained().model().weightBytes());
              assertThat(registry.get("diffusion.memory.plans").gauge().value()).isPositive();
              assertThat(registry.get("diffusion.service.waiting").gauge().value()).isZero();
            });
  }

  @Test
  void refusals_areCountedByReason() {
    Models.application(directory.resolve("digits"))
        .withBean(MeterRegistry.class, () -> registry)
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              model.gate().close();
              assertThatThrownBy(() -> model.sample(1))
                  .isInstanceOf(SamplingRefusedException.class);

              assertThat(
                      registry
                          .get("diffusion.service.refused")
                          .tags("model", "digits", "reason", "shutting_down")
                          .counter()
                          .count())
                  .isEqualTo(1);
            });
  }

  @Test
  void application_thatEnds_takesItsMetersAway() {
    Models.application(directory.resolve("digits"))
        .withBean(MeterRegistry.class, () -> registry)
        .run(context -> assertThat(registry.getMeters()).hasSizeGreaterThan(5));
    assertThat(registry.getMeters())
        .extracting(meter -> meter.getId().getName())
        .noneMatch(name -> name.startsWith("diffusion."));
  }

  @Test
  void runs_areObserved() {
    ObservationRegistry observations = ObservationRegistry.create();
    List<Observation.Context> stopped = new ArrayList<>();
    observations
        .observationConfig()
        .observationHandler(
            new ObservationHandler<>() {
              @Override
              public void onStop(Observation.Context context) {
                stopped.add(context);
              }

              @Override
              public boolean supportsContext(Observation.Context context) {
                return true;
              }
            });
    Models.application(directory.resolve("digits"))
        .withBean(MeterRegistry.class, () -> registry)
        .withBean(ObservationRegistry.class, () -> observations)
        .run(
            context ->
                context
                    .getBean(DiffusionModel.class)
                    .sample(SamplingRequest.builder(2).seed(9).build())
                    .close());

    assertThat(stopped).hasSize(1);
    assertThat(stopped.get(0).getHighCardinalityKeyValue("diffusion.seed").getValue())
        .isEqualTo("9");
    assertThat(stopped.get(0).getLowCardinalityKeyValue("diffusion.model").getValue())
        .isEqualTo("digits");
  }

  @Test
  void application_withoutMicrometer_samples() {
    Models.application(directory.resolve("digits"))
        .withClassLoader(new FilteredClassLoader("io.micrometer.core"))
        .run(context -> context.getBean(DiffusionModel.class).sample(1).close());
  }

  @Test
  void documentation_listsTheMetersOfTheService() throws IOException {
    String page = Files.readString(Path.of("..", "docs", "spring.md"));
    Models.application(directory.resolve("digits"))
        .withBean(MeterRegistry.class, () -> registry)
        .run(
            context ->
                assertThat(registry.getMeters())
                    .extracting(Meter::getId)
                    .filteredOn(id -> id.getName().startsWith("diffusion.service."))
                    .hasSizeGreaterThan(1)
                    .allMatch(
                        id ->
                            page.contains(
                                "| `"
                                    + id.getName()
                                    + "` | "
                                    + id.getType().name().toLowerCase(Locale.ROOT))));
  }
}
