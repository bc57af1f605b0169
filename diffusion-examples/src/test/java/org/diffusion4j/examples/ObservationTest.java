package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The code of the page on observation compiles, and publishes what the page says. */
class ObservationTest {

  @TempDir Path directory;

  @Test
  void snippets_publishWhatARealModelDoes() throws Exception {
    UNetConfig config = UNetConfig.builder(1, 8, 8).blockOutChannels(8, 16).normGroups(4).build();
    long weights;
    try (UNet model = UNet.create(config, NoiseSchedule.linear(1000), 1)) {
      weights = model.weightBytes();
      PretrainedModel.of(model).save(directory.resolve("model"));
    }
    // The meters are gone when the block ends: values are those that they had then.
    Map<String, Double> last = new ConcurrentHashMap<>();
    MeterRegistry registry = new SimpleMeterRegistry();
    registry
        .config()
        .onMeterRemoved(
            meter ->
                last.put(meter.getId().getName(), meter.measure().iterator().next().getValue()));
    List<String> blocks = Snippets.of(Path.of("..", "docs", "observation.md"));
    try (Snippets program =
        Snippets.compile(
            blocks, "io.micrometer.core.instrument.MeterRegistry registry", directory)) {
      program.run(0, MeterRegistry.class, registry);
    }
    assertThat(last)
        .containsEntry("diffusion.sampling.runs", 1.0)
        .containsEntry("diffusion.sampling.samples", 16.0)
        .containsEntry("diffusion.denoiser.calls", 50.0)
        .containsEntry("diffusion.memory.weights", (double) weights);
    assertThat(last.get("diffusion.memory.plans")).isPositive();
    assertThat(registry.getMeters()).extracting(Meter::getId).isEmpty();
  }
}
