package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.samplers.ReferenceSampler;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.UNet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Networks and samplers together, step by step, and whole pipelines to the finished picture. */
class SamplingReferenceTest {

  private static final double TOLERANCE = 2e-5;

  /** In [0, 1]. A first step divides by sqrt(alphaBar), about 1/60: rounding grows by as much. */
  private static final double PICTURE_TOLERANCE = 2e-4;

  @TestFactory
  Stream<DynamicTest> steps_areThoseOfTheReference() {
    return ReferenceCases.folders("sampling").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> steps(folder)));
  }

  private static void steps(Path folder) throws IOException {
    Map<String, Object> json = json(folder.resolve("sampling.json"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    SchedulerConfig config = scheduler(folder.resolve("scheduler_config.json"));
    INDArray start = io.get("x_T");
    int n = (int) start.size(0);
    Number steps = (Number) json.get("num_inference_steps");
    ReferenceSampler sampler =
        new ReferenceSampler(
            config, steps == null ? null : steps.intValue(), object(json, "step_kwargs"));
    int[] timesteps = ints(json.get("timesteps"));
    if (steps == null) {
      sampler.keepOnly(timesteps[0]);
    }
    assertThat(sampler.timesteps()).isEqualTo(timesteps);

    double rounding = ((Number) json.get("final_f32_vs_f64_max_abs_diff")).doubleValue();
    List<String> failures = new ArrayList<>();
    int[] done = {0};
    Condition condition =
        json.get("class_labels") == null
            ? Condition.none()
            : Condition.labels(ints(json.get("class_labels")));
    SamplingRequest request =
        SamplingRequest.builder(n)
            .start(start)
            .condition(condition)
            .noise(() -> (first, count) -> shape -> io.get("noise." + done[0]).dup())
            .listener(
                step -> {
                  INDArray expected = io.get("x." + step.index());
                  double scale = Math.max(1, expected.amaxNumber().doubleValue());
                  double distance = distance(step.x(), expected);
                  if (!(distance <= TOLERANCE * scale + 10 * rounding)) {
                    failures.add("step " + step.index() + " is off by " + distance);
                  }
                  done[0]++;
                })
            .build();
    Path weights = folder.resolve((String) json.get("weights_dir")).normalize();
    try (UNet model =
        ReferenceModels.load(
            weights,
            ((Number) json.get("weights_seed")).intValue(),
            config.schedule(),
            config.prediction(),
            (int) start.size(2),
            (int) start.size(3))) {
      sampler.sample(model, request).close();
      assertThat(failures).isEmpty();
      assertThat(done[0]).isEqualTo(timesteps.length);
    }
  }

  private static SchedulerConfig scheduler(Path file) throws IOException {
    Map<String, Object> settings = new TreeMap<>(Json.read(file));
    String className = (String) settings.remove("_class_name");
    return new SchedulerConfig(className, settings);
  }

  @TestFactory
  Stream<DynamicTest> pictures_areThoseOfTheReference() {
    return ReferenceCases.folders("pipelines").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> pictures(folder)));
  }

  private static void pictures(Path folder) throws IOException {
    Map<String, Object> json = json(folder.resolve("case.json"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    int steps = ((Number) json.get("num_inference_steps")).intValue();
    int seed = ((Number) json.get("weights_seed")).intValue();
    try (PretrainedModel pretrained = ReferenceModels.loadPipeline(folder, seed)) {
      int[] draws = {0};
      SamplingRequest request =
          SamplingRequest.builder(((Number) json.get("batch_size")).intValue())
              .noise(() -> (first, n) -> shape -> io.get("noise." + draws[0]++).dup())
              .build();
      Map<String, Object> arguments = object(json, "call_kwargs");
      ReferenceSampler onTheirSteps =
          new ReferenceSampler(pretrained.scheduler(), steps, arguments);
      Sampler sampler = sampler(pretrained.scheduler(), steps, arguments);
      // Ours wherever it takes the same steps: docs/decisions/0005.
      try (SamplingResult result =
          onTheirSteps.differsFromOurs()
              ? onTheirSteps.sample(pretrained.model(), request)
              : sampler.sample(pretrained.model(), request)) {
        INDArray images = result.samples().mul(0.5).addi(0.5);
        images = Transforms.min(Transforms.max(images, 0), 1).permute(0, 2, 3, 1);
        assertThat(distance(images, io.get("images"))).isLessThan(PICTURE_TOLERANCE);
        float[] exact = io.get("images").dup('c').data().asFloat();
        float[] actual = images.dup('c').data().asFloat();
        int[] expected = io.get("images_uint8").dup('c').data().asInt();
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.length; i++) {
          // Where the reference lies on the border of two values, float32 cannot tell which it is.
          double fromBorder = Math.abs(exact[i] * 255 - Math.floor(exact[i] * 255) - 0.5);
          assertThat(Math.rint(actual[i] * 255))
              .as("pixel %d", i)
              .isCloseTo(expected[i], within(fromBorder < 255 * PICTURE_TOLERANCE ? 1.0 : 0));
        }
      }
      assertThat(draws[0]).isEqualTo(((Number) json.get("noise_tensors")).intValue());
    }
  }

  private static Sampler sampler(SchedulerConfig config, int steps, Map<String, Object> arguments) {
    for (String argument : arguments.keySet()) {
      if (!argument.equals("eta")) {
        throw new IllegalArgumentException("call argument is not supported: " + argument);
      }
    }
    return arguments.containsKey("eta")
        ? Samplers.ddim(config, steps, ((Number) arguments.get("eta")).doubleValue())
        : Samplers.of(config, steps);
  }
}
