package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.doubles;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.pretrained.ReferenceModels;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.samplers.ReferenceSampler;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Every text-to-image pipeline that the reference ran: samples step by step, and pictures. */
class TextPipelinesReferenceTest {

  private static final double TOLERANCE = 1e-4;
  private static final double TIMES_ROUNDING = 20;
  private static final double TIME_TOLERANCE = 5e-3;

  @TempDir Path temporary;

  @TestFactory
  Stream<DynamicTest> pictures_areThoseOfTheReference() {
    return ReferenceCases.folders("text_pipelines").stream()
        .filter(folder -> Files.exists(folder.resolve("case.json")))
        .map(
            folder ->
                DynamicTest.dynamicTest(
                    folder.getFileName().toString(), () -> new Case(folder).check()));
  }

  @TestFactory
  Stream<DynamicTest> directories_areWrittenAsTheyWereRead() {
    return ReferenceCases.folders("text_pipelines/models").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> checkFiles(folder)));
  }

  @Test
  void bundledCopy_hasCases() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(pictures_areThoseOfTheReference().count()).isGreaterThanOrEqualTo(3);
    }
  }

  private void checkFiles(Path folder) throws IOException {
    Path first = temporary.resolve("first_" + folder.getFileName());
    Path second = temporary.resolve("second_" + folder.getFileName());
    try (TextToImage model = TextToImage.load(Pipelines.whole(folder, temporary))) {
      model.save(first);
    }
    try (TextToImage model = TextToImage.load(first)) {
      model.save(second);
    }
    List<Path> files = files(first);
    assertThat(files(second)).isEqualTo(files).hasSizeGreaterThan(5);
    for (Path file : files) {
      assertThat(second.resolve(file)).hasSameBinaryContentAs(first.resolve(file));
    }
    for (Path file : files(folder)) {
      if (!file.endsWith("weights.json")) {
        assertThat(first.resolve(file)).exists();
      }
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).map(folder::relativize).sorted().toList();
    }
  }

  /** A case. */
  private final class Case {

    private final Path folder;
    private final Map<String, Object> json;
    private final Map<String, Object> call;
    private final Map<String, INDArray> io;
    private final SchedulerConfig scheduler;
    private final ReferenceSampler sampler;
    private int draws;
    private int steps;

    Case(Path folder) throws IOException {
      this.folder = folder;
      json = json(folder.resolve("case.json"));
      call = object(json, "call");
      io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
      Map<String, Object> settings =
          new TreeMap<>(Json.read(folder.resolve("scheduler_config.json")));
      scheduler = new SchedulerConfig((String) settings.remove("_class_name"), settings);
      ReferenceSampler.assumeSampler(scheduler.className());
      Map<String, Object> eta = new TreeMap<>(call);
      eta.keySet().retainAll(List.of("eta"));
      Map<String, Object> timesteps = new TreeMap<>(call);
      timesteps.keySet().retainAll(List.of("original_inference_steps", "timesteps", "sigmas"));
      sampler = new ReferenceSampler(scheduler, inferenceSteps(), eta, timesteps);
    }

    /** Null if the steps are given one by one. */
    private Integer inferenceSteps() {
      if (call.containsKey("timesteps") || call.containsKey("sigmas")) {
        return null;
      }
      return call.containsKey("num_inference_steps")
          ? number("num_inference_steps").intValue()
          : doubles(json.get("timesteps")).length;
    }

    private Number number(String key) {
      return (Number) call.get(key);
    }

    void check() throws IOException {
      try (TextToImage model = TextToImage.load(withScheduler())) {
        checkTexts(model);
        ImageRequest request = request();
        try (INDArray values = model.values(request)) {
          assertThat(steps).isEqualTo(doubles(json.get("timesteps")).length);
          // The reference draws noise for a last step that adds none, too.
          int drawn = ((List<?>) json.get("noise_order")).size();
          assertThat(draws).isBetween(drawn - 1, drawn);
          checkPictures(values);
        }
      }
    }

    /** The model with the case's own scheduler. */
    private Path withScheduler() throws IOException {
      Path model =
          Pipelines.whole(folder.resolve((String) json.get("model")).normalize(), temporary);
      Files.copy(
          folder.resolve("scheduler_config.json"),
          model.resolve("scheduler/scheduler_config.json"),
          StandardCopyOption.REPLACE_EXISTING);
      Path index = model.resolve("model_index.json");
      Map<String, Object> entries = new TreeMap<>(Json.read(index));
      entries.put("scheduler", List.of("diffusers", scheduler.className()));
      entries.put("_class_name", json.get("pipeline"));
      Json.write(index, entries);
      return model;
    }

    private void checkTexts(TextToImage model) {
      if (!io.containsKey("input_ids")) {
        return;
      }
      ClipTextEncoder encoder = (ClipTextEncoder) model.textEncoder().orElseThrow();
      List<String> prompts = texts("prompt");
      List<String> second = call.containsKey("prompt_2") ? texts("prompt_2") : prompts;
      assertThat(ids(encoder.tokenizers().get(0), prompts)).isEqualTo(ids("input_ids"));
      if (io.containsKey("input_ids_2")) {
        assertThat(ids(encoder.tokenizers().get(1), second)).isEqualTo(ids("input_ids_2"));
      }
    }

    private int[][] ids(String name) {
      return io.get(name).toIntMatrix();
    }

    private int[][] ids(ClipTokenizer tokenizer, List<String> texts) {
      return texts.stream().map(text -> tokenizer.encode(text).ids()).toArray(int[][]::new);
    }

    private List<String> texts(String key) {
      Object value = call.get(key);
      List<String> texts = new ArrayList<>();
      if (value instanceof List<?> list) {
        list.forEach(text -> texts.add((String) text));
      } else if (value != null) {
        texts.add((String) value);
      }
      return texts;
    }

    private ImageRequest request() {
      int unconditional = call.containsKey("batch_size") ? number("batch_size").intValue() : 1;
      List<String> prompts = texts("prompt");
      ImageRequest.Builder request =
          prompts.isEmpty()
              ? ImageRequest.builder("").imagesPerPrompt(unconditional)
              : ImageRequest.builder(prompts);
      if (!prompts.isEmpty()
          && io.containsKey("image")
          && io.get("image").size(0) > prompts.size()) {
        throw new IllegalArgumentException("images must be at most one per prompt");
      }
      for (Map.Entry<String, Object> argument : call.entrySet()) {
        set(request, argument.getKey(), argument.getValue());
      }
      boolean superResolution = json.get("pipeline").equals("LDMSuperResolutionPipeline");
      if (io.containsKey("image")) {
        INDArray image = io.get("image");
        request.images(superResolution ? image : image.mul(2).subi(1));
      }
      if (io.containsKey("mask")) {
        request.masks(io.get("mask"));
      }
      boolean fromNoise =
          !io.containsKey("image")
              || (io.containsKey("mask") && (strength() == 1))
              || List.of(
                      "StableDiffusionUpscalePipeline",
                      "StableDiffusionInstructPix2PixPipeline",
                      "LDMSuperResolutionPipeline")
                  .contains(json.get("pipeline"));
      return request
          .batchSize(1000)
          .noise(noise())
          .sampler(fromNoise ? scaled() : traced(sampler.inOurScale()))
          .build();
    }

    private double strength() {
      return call.containsKey("strength") ? number("strength").doubleValue() : 1;
    }

    private void set(ImageRequest.Builder request, String key, Object value) {
      switch (key) {
        case "prompt",
            "num_inference_steps",
            "timesteps",
            "sigmas",
            "eta",
            "batch_size",
            "output_type",
            "original_inference_steps" -> {}
        case "prompt_2" -> request.secondPrompts(texts(key).toArray(String[]::new));
        case "negative_prompt_2" ->
            request.secondNegativePrompts(texts(key).toArray(String[]::new));
        case "negative_prompt" -> request.negativePrompts(texts(key).toArray(String[]::new));
        case "guidance_scale" -> request.guidanceScale(number(key).doubleValue());
        case "guidance_rescale" -> request.guidanceRescale(number(key).doubleValue());
        case "image_guidance_scale" -> request.imageGuidanceScale(number(key).doubleValue());
        case "num_images_per_prompt" -> request.imagesPerPrompt(number(key).intValue());
        case "clip_skip" -> request.clipSkip(number(key).intValue());
        case "strength" -> request.strength(number(key).doubleValue());
        case "noise_level" -> request.noiseLevel(number(key).intValue());
        case "height", "width" ->
            request.size(number("height").intValue(), number("width").intValue());
        case "original_size" -> request.originalSize(first(value), second(value));
        case "crops_coords_top_left" -> request.cropTopLeft(first(value), second(value));
        case "target_size" -> request.targetSize(first(value), second(value));
        default -> throw new IllegalArgumentException("argument is not supported: " + key);
      }
    }

    private int first(Object pair) {
      return ((Number) ((List<?>) pair).get(0)).intValue();
    }

    private int second(Object pair) {
      return ((Number) ((List<?>) pair).get(1)).intValue();
    }

    private NoiseSource noise() {
      return () ->
          (first, n) ->
              shape -> {
                INDArray drawn = io.get("noise." + draws++);
                assertThat(shape).isEqualTo(drawn.shape());
                return drawn.dup('c');
              };
    }

    /** The reference starts some methods from noise of a little less than unit variance. */
    private Sampler scaled() {
      Sampler traced = traced(sampler.inOurScale());
      return (model, request) -> {
        NoiseSource.Batch batch = request.noise().start().batch(0, request.count());
        boolean[] started = {false};
        NoiseSource scaled =
            () ->
                (first, n) ->
                    shape -> {
                      INDArray drawn = batch.next(shape);
                      if (started[0]) {
                        return drawn;
                      }
                      started[0] = true;
                      return drawn.muli(sampler.startScale());
                    };
        return traced.sample(model, copy(request).noise(scaled).afterStep(request.hook()).build());
      };
    }

    private SamplingRequest.Builder copy(SamplingRequest request) {
      SamplingRequest.Builder copy =
          SamplingRequest.builder(request.count())
              .batchSize(request.batchSize())
              .condition(request.condition())
              .noise(request.noise())
              .listener(request.listener());
      if (request.start() != null) {
        copy.start(request.start(), request.strength().orElseThrow());
      }
      return copy;
    }

    /** Compares each step with the reference. */
    private Sampler traced(Sampler method) {
      return new Sampler() {
        @Override
        public SamplingResult sample(Denoiser model, SamplingRequest request) {
          return method.sample(
              model, copy(request).afterStep(request.hook().andThen(Case.this::checkStep)).build());
        }
      };
    }

    private void checkStep(SamplingRequest.Hook.Step step) {
      int k = step.index();
      assertThat(step.t())
          .as("timestep %s", k)
          .isCloseTo(doubles(json.get("timesteps"))[k], within(TIME_TOLERANCE));
      double signal = sampler.keepsUnscaled() ? step.level().signal() : 1;
      double largest = doubles(json.get("latents_max_abs"))[k];
      double rounding =
          Math.max(
              doubles(json.get("latents_f32_vs_f64_max_abs_diff"))[k],
              doubles(json.get("latents_change_when_first_noise_changes_by_1e-6"))[k]);
      assertThat(ReferenceCases.distance(step.x().div(signal), io.get("latents." + k)))
          .as("latents %s", k)
          .isLessThanOrEqualTo(TOLERANCE * Math.max(1, largest) + TIMES_ROUNDING * rounding);
      steps++;
    }

    private void checkPictures(INDArray values) {
      float[] pictures = values.mul(0.5).addi(0.5).permute(0, 2, 3, 1).dup('c').data().asFloat();
      float[] expected = io.get("images").dup('c').data().asFloat();
      int[] bytes = io.get("images_uint8").dup('c').data().asInt();
      assertThat(pictures).hasSameSizeAs(expected);
      double tolerance =
          TOLERANCE
              + TIMES_ROUNDING
                  * ((Number) json.get("images_f32_vs_f64_max_abs_diff")).doubleValue();
      for (int i = 0; i < pictures.length; i++) {
        assertThat((double) pictures[i])
            .as("value %s", i)
            .isCloseTo(expected[i], within(tolerance));
        // Where the reference lies on the border of two values, float32 cannot tell which it is.
        double fromBorder = Math.abs(expected[i] * 255 - Math.floor(expected[i] * 255) - 0.5);
        assertThat(Math.rint(pictures[i] * 255))
            .as("byte %s", i)
            .isCloseTo(bytes[i], within(fromBorder < 255 * tolerance ? 1.0 : 0));
      }
    }
  }
}
