package org.diffusion4j.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.diffusion4j.TrainingListener;
import org.junit.jupiter.api.Test;

class MicrometerTrainingListenerTest {

  private static final Tags MODEL = Tags.of("model", "digits");

  private final MeterRegistry registry = new SimpleMeterRegistry();

  private static TrainingListener.Step step(long index, double samplesPerSecond) {
    return new TrainingListener.Step(
        index, 3, 8, 0.25, 0.5, List.of(1.0, 2.0, 3.0, 4.0), 1.5, 2e-4, samplesPerSecond);
  }

  private double gauge(String name, String... tags) {
    return registry.get("diffusion.training." + name).tags(tags).gauge().value();
  }

  @Test
  void training_publishesTheLastStep() {
    try (MicrometerTrainingListener listener = MicrometerTrainingListener.of(registry, MODEL)) {
      listener.onStep(step(0, Double.NaN));
      listener.onStep(step(41, 16));

      assertThat(gauge("loss", "model", "digits")).isEqualTo(0.25);
      assertThat(gauge("loss.smoothed")).isEqualTo(0.5);
      assertThat(gauge("gradient.norm")).isEqualTo(1.5);
      assertThat(gauge("learning.rate")).isEqualTo(2e-4);
      assertThat(gauge("samples.per.second")).isEqualTo(16);
      assertThat(gauge("steps")).isEqualTo(42);
      assertThat(gauge("epoch")).isEqualTo(3);
      for (int quartile = 1; quartile <= 4; quartile++) {
        assertThat(gauge("loss.quartile", "quartile", Integer.toString(quartile)))
            .isEqualTo(quartile);
      }
      assertThat(registry.get("diffusion.training.samples").counter().count()).isEqualTo(16);
      assertThat(registry.get("diffusion.training.step").timer().count()).isEqualTo(1);
      assertThat(registry.get("diffusion.training.step").timer().totalTime(TimeUnit.SECONDS))
          .isCloseTo(0.5, within(1e-9));
    }
  }

  @Test
  void training_nothingYet_isNaN() {
    try (MicrometerTrainingListener listener = MicrometerTrainingListener.of(registry, MODEL)) {
      assertThat(gauge("loss")).isNaN();
      assertThat(gauge("loss.quartile", "quartile", "1")).isNaN();
      assertThat(gauge("loss.validation")).isNaN();
      assertThat(gauge("loss.epoch")).isNaN();
      listener.onStep(new TrainingListener.Step(0, 0, 1, 1, 1, List.of(), 1, 1, 0));
      assertThat(gauge("loss.quartile", "quartile", "4")).isNaN();
      assertThat(registry.get("diffusion.training.step").timer().count()).isZero();
    }
  }

  @Test
  void training_publishesOtherEvents() {
    try (MicrometerTrainingListener listener = MicrometerTrainingListener.of(registry, MODEL)) {
      listener.onEpoch(0, 0.75);
      listener.onValidation(10, 0.5);
      listener.onCheckpoint(10, Path.of("there"));
      listener.onCheckpoint(20, Path.of("there"));

      assertThat(gauge("loss.epoch")).isEqualTo(0.75);
      assertThat(gauge("loss.validation")).isEqualTo(0.5);
      assertThat(registry.get("diffusion.training.checkpoints").counter().count()).isEqualTo(2);
    }
  }

  @Test
  void training_closed_makesRoomForTheNext() {
    for (int training = 1; training <= 2; training++) {
      try (MicrometerTrainingListener listener = MicrometerTrainingListener.of(registry, MODEL)) {
        listener.onStep(step(training, 16));

        assertThat(gauge("steps")).isEqualTo(training + 1);
        assertThat(registry.getMeters())
            .hasSize(16)
            .allMatch(meter -> meter.getId().getName().startsWith("diffusion.training."))
            .allMatch(meter -> "digits".equals(meter.getId().getTag("model")));
      }
      assertThat(registry.getMeters()).isEmpty();
    }
  }

  @Test
  void training_differentTags_areKeptApart() {
    try (MicrometerTrainingListener one = MicrometerTrainingListener.of(registry, MODEL);
        MicrometerTrainingListener other =
            MicrometerTrainingListener.of(registry, Tags.of("model", "clothes"))) {
      one.onStep(step(0, 16));
      other.onStep(step(7, 16));

      assertThat(gauge("steps", "model", "digits")).isEqualTo(1);
      assertThat(gauge("steps", "model", "clothes")).isEqualTo(8);
    }
  }
}
