package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.doubles;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.samplers.ReferenceSampler;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.UNet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Networks and samplers together, step by step, and whole pipelines to the finished picture. */
class SamplingReferenceTest {

  private static final double TOLERANCE = 2e-5;
  private static final double TIME_TOLERANCE = 5e-3;

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
    ReferenceSampler.assumeSampler((String) json.get("scheduler_class"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    SchedulerConfig config = scheduler(folder.resolve("scheduler_config.json"));
    INDArray start = io.get("x_T");
    Path weights = folder.resolve((String) json.get("weights_dir")).normalize();
    try (UNet model =
        ReferenceModels.load(
            weights,
            ((Number) json.get("weights_seed")).intValue(),
            config.schedule(),
            config.prediction(),
            (int) start.size(2),
            (int) start.size(3))) {
      Condition condition =
          json.get("class_labels") == null
              ? Condition.none()
              : Condition.labels(ints(json.get("class_labels")));
      if (json.get("num_inference_steps") == null) {
        singleSteps(json, config, io, model, condition);
      } else {
        loop(json, config, io, model, condition);
      }
    }
  }

  private static void loop(
      Map<String, Object> json,
      SchedulerConfig config,
      Map<String, INDArray> io,
      UNet model,
      Condition condition) {
    ReferenceSampler sampler =
        new ReferenceSampler(
            config,
            ((Number) json.get("num_inference_steps")).intValue(),
            object(json, "step_kwargs"),
            objectOrEmpty(json, "set_timesteps_kwargs"));
    double[] timesteps = doubles(json.get("timesteps"));
    assertThat(sampler.times()).containsExactly(timesteps, within(TIME_TOLERANCE));
    int[] done = {0};
    SamplingRequest request =
        SamplingRequest.builder((int) io.get("x_T").size(0))
            .start(io.get("x_T"))
            .condition(condition)
            .noise(() -> (first, count) -> shape -> io.get("noise." + done[0]).dup())
            .listener(
                step -> {
                  assertStep(json, "step " + step.index(), step.x(), io.get("x." + step.index()));
                  done[0]++;
                })
            .build();
    sampler.sample(model, request).close();
    assertThat(done[0]).isEqualTo(timesteps.length);
  }

  /**
   * Steps that know no number of steps, each from its timestep to the one before. Several timesteps
   * are those of the samples if there is one result, else each is a step of the whole batch, from
   * the first samples or from the last result: the model's output tells which.
   */
  private static void singleSteps(
      Map<String, Object> json,
      SchedulerConfig config,
      Map<String, INDArray> io,
      UNet model,
      Condition condition) {
    int[] timesteps = ints(io.containsKey("t") ? list(io.get("t")) : json.get("timesteps"));
    INDArray x = io.get("x_T");
    boolean ofSamples = timesteps.length > 1 && !io.containsKey("x.1");
    for (int k = 0; k < timesteps.length; k++) {
      String name = "step from " + timesteps[k];
      if (ofSamples) {
        INDArrayIndex sample = NDArrayIndex.interval(k, k + 1);
        INDArray noise = io.get("noise.0");
        INDArray next =
            step(
                json,
                config,
                model,
                x.get(sample).dup('c'),
                timesteps[k],
                condition.slice(k, k + 1),
                noise == null ? null : noise.get(sample));
        assertStep(json, name, next, io.get("x.0").get(sample));
      } else {
        if (k > 0 && follows(io, model, condition, timesteps[k], k)) {
          x = io.get("x." + (k - 1));
        }
        INDArray next = step(json, config, model, x, timesteps[k], condition, io.get("noise." + k));
        assertStep(json, name, next, io.get("x." + k));
      }
    }
  }

  private static List<Integer> list(INDArray values) {
    return Arrays.stream(values.toIntVector()).boxed().toList();
  }

  private static boolean follows(
      Map<String, INDArray> io, UNet model, Condition condition, int t, int k) {
    INDArray expected = io.get("model_output." + k);
    INDArray last = io.get("x." + (k - 1));
    INDArray times = Nd4j.valueArrayOf(new long[] {last.size(0)}, (double) t, DataType.FLOAT);
    return distance(model.predict(last, times, condition), expected)
        < distance(model.predict(io.get("x_T"), times, condition), expected);
  }

  private static INDArray step(
      Map<String, Object> json,
      SchedulerConfig config,
      UNet model,
      INDArray x,
      int t,
      Condition condition,
      INDArray noise) {
    ReferenceSampler sampler = new ReferenceSampler(config, null, object(json, "step_kwargs"));
    sampler.keepOnly(t);
    SamplingRequest request =
        SamplingRequest.builder((int) x.size(0))
            .start(x)
            .condition(condition)
            .noise(() -> (first, count) -> shape -> noise.dup('c'))
            .build();
    try (SamplingResult result = sampler.sample(model, request)) {
      return result.samples().dup('c');
    }
  }

  private static void assertStep(
      Map<String, Object> json, String name, INDArray actual, INDArray expected) {
    double rounding = ((Number) json.get("final_f32_vs_f64_max_abs_diff")).doubleValue();
    double scale = Math.max(1, expected.amaxNumber().doubleValue());
    assertThat(distance(actual, expected))
        .as("distance of %s", name)
        .isLessThanOrEqualTo(TOLERANCE * scale + 10 * rounding);
  }

  private static Map<String, Object> objectOrEmpty(Map<String, Object> json, String key) {
    return json.get(key) == null ? Map.of() : object(json, key);
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
        assertPictures(result.samples(), io);
      }
      assertThat(draws[0]).isEqualTo(((Number) json.get("noise_tensors")).intValue());
    }
  }

  private static void assertPictures(INDArray samples, Map<String, INDArray> io) {
    INDArray images = samples.mul(0.5).addi(0.5);
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

  @TestFactory
  Stream<DynamicTest> repaintedPictures_areThoseOfTheReference() {
    return ReferenceCases.folders("repaint").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> repaint(folder)));
  }

  private static void repaint(Path folder) throws IOException {
    Map<String, Object> json = json(folder.resolve("case.json"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    Map<String, Object> arguments = object(json, "call_kwargs");
    int seed = ((Number) json.get("weights_seed")).intValue();
    try (PretrainedModel pretrained = ReferenceModels.loadPipeline(folder, seed)) {
      int[] draws = {0};
      SamplingRequest request =
          SamplingRequest.builder(((Number) json.get("batch_size")).intValue())
              .known(io.get("image"), io.get("mask"))
              .noise(() -> (first, n) -> shape -> io.get("noise." + draws[0]++).dup())
              .build();
      Sampler sampler =
          Samplers.repaint(
                  pretrained.scheduler(),
                  whole(arguments, "num_inference_steps"),
                  ((Number) arguments.get("eta")).doubleValue())
              .withJumps(whole(arguments, "jump_length"), whole(arguments, "jump_n_sample"));
      try (SamplingResult result = sampler.sample(pretrained.model(), request)) {
        assertPictures(result.samples(), io);
      }
      assertThat(draws[0]).isEqualTo(whole(json, "noise_tensors"));
    }
  }

  private static int whole(Map<String, Object> json, String key) {
    return ((Number) json.get(key)).intValue();
  }

  private static Sampler sampler(SchedulerConfig config, int steps, Map<String, Object> arguments) {
    if (!arguments.containsKey("eta")) {
      return Samplers.of(config, steps);
    }
    DdimSampler sampler =
        Samplers.ddim(config, steps, ((Number) arguments.get("eta")).doubleValue());
    return Boolean.TRUE.equals(arguments.get("use_clipped_model_output"))
        ? sampler.withEpsilonFromCorrected()
        : sampler;
  }
}
