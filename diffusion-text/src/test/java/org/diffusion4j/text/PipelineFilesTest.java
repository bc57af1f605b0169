package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Directories of text-to-image models as they are found, and what is refused. */
class PipelineFilesTest {

  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void copy() throws IOException {
    model = Pipelines.whole(Pipelines.MODELS.resolve("sd1"), folder);
  }

  private void index(Consumer<Map<String, Object>> change) throws IOException {
    change(model.resolve("model_index.json"), change);
  }

  private static void change(Path file, Consumer<Map<String, Object>> change) throws IOException {
    Map<String, Object> json = new TreeMap<>(Json.read(file));
    change.accept(json);
    Json.write(file, json);
  }

  @Test
  void partsThatAreNotNeeded_arePassedOver() throws IOException {
    index(
        json -> {
          json.put("safety_checker", List.of("stable_diffusion", "StableDiffusionSafetyChecker"));
          json.put("feature_extractor", List.of("transformers", "CLIPImageProcessor"));
          json.put("requires_safety_checker", true);
        });
    Path saved = folder.resolve("saved");
    try (TextToImage loaded = TextToImage.load(model)) {
      assertThat(loaded.generate("a cat")).isNotNull();
      loaded.save(saved);
    }
    Map<String, Object> json = Json.read(saved.resolve("model_index.json"));
    assertThat(json)
        .containsEntry("safety_checker", Arrays.asList(null, null))
        .containsEntry("feature_extractor", Arrays.asList(null, null))
        .containsEntry("requires_safety_checker", true)
        .containsEntry("unet", List.of("diffusers", "UNet2DConditionModel"));
  }

  @Test
  void variants_areReadWhereThereIsNothingElse() throws IOException {
    Files.move(
        model.resolve("unet/diffusion_pytorch_model.safetensors"),
        model.resolve("unet/diffusion_pytorch_model.fp16.safetensors"));
    Files.move(
        model.resolve("text_encoder/model.safetensors"),
        model.resolve("text_encoder/model.fp16.safetensors"));
    Files.move(
        model.resolve("vae/diffusion_pytorch_model.safetensors"),
        model.resolve("vae/diffusion_pytorch_model.fp16.safetensors"));
    try (TextToImage loaded = TextToImage.load(model)) {
      assertThat(loaded.generate("a cat")).isNotNull();
    }
  }

  @Test
  void weightsOf16Bits_areWrittenForEveryPart() throws IOException {
    Path saved = folder.resolve("half");
    try (TextToImage loaded = TextToImage.load(model)) {
      loaded.save(saved, DataType.FLOAT16);
    }
    for (String file :
        List.of(
            "unet/diffusion_pytorch_model.safetensors",
            "text_encoder/model.safetensors",
            "vae/diffusion_pytorch_model.safetensors")) {
      try (Safetensors weights = Safetensors.open(saved.resolve(file))) {
        assertThat(weights.names()).as(file).allMatch(name -> weights.dtype(name).equals("F16"));
      }
    }
    ImageRequest request = ImageRequest.builder("a cat").steps(2).seed(3).build();
    try (TextToImage loaded = TextToImage.load(saved);
        TextToImage frozen = TextToImage.loadFrozen(saved);
        INDArray pictures = loaded.values(request);
        INDArray same = frozen.values(request)) {
      assertThat(same).isEqualTo(pictures);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "DDIMScheduler, true",
    "PNDMScheduler, false",
    "DPMSolverSinglestepScheduler, false",
    "EulerDiscreteScheduler, false"
  })
  void stableDiffusion_forcesTheOffsetAndNoClipping(String className, boolean clips)
      throws IOException {
    index(json -> json.put("scheduler", List.of("diffusers", className)));
    change(
        model.resolve("scheduler/scheduler_config.json"),
        json -> {
          json.put("_class_name", className);
          json.remove("steps_offset");
        });
    try (TextToImage loaded = TextToImage.load(model)) {
      SchedulerConfig scheduler = loaded.scheduler();
      assertThat(scheduler.settings().get("steps_offset"))
          .isEqualTo(className.equals("DPMSolverSinglestepScheduler") ? null : 1L);
      assertThat(scheduler.settings().get("clip_sample")).isEqualTo(clips ? false : null);
    }
  }

  @Test
  void unsupportedPipelines_areNamed() throws IOException {
    index(json -> json.put("_class_name", "KandinskyPipeline"));
    assertRefused("model_index.json", "pipeline must be one of StableDiffusionPipeline");
    index(json -> json.put("_class_name", "KandinskyPipeline"));
    assertRefused("model_index.json", "but is KandinskyPipeline");
    index(json -> json.remove("_class_name"));
    assertRefused("model_index.json", "but is null");
  }

  @ParameterizedTest
  @ValueSource(strings = {"unet", "vae", "text_encoder", "tokenizer", "scheduler"})
  void missingParts_areNamed(String part) throws IOException {
    delete(model.resolve(part));
    assertRefused(part, "does not exist; there is ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"unet", "vae", "text_encoder", "tokenizer", "scheduler"})
  void partsThatTheIndexLacks_areNamed(String part) throws IOException {
    index(json -> json.put(part, Arrays.asList(null, null)));
    assertRefused("model_index.json", part + " must be [");
  }

  @Test
  void pickles_areNotRead() throws IOException {
    Files.move(
        model.resolve("unet/diffusion_pytorch_model.safetensors"),
        model.resolve("unet/diffusion_pytorch_model.bin"));
    assertRefused("unet", "diffusion_pytorch_model.bin");
  }

  @Test
  void encodersOfOtherKinds_areNamed() throws IOException {
    index(json -> json.put("text_encoder", List.of("transformers", "T5EncoderModel")));
    assertRefused("model_index.json", "text_encoder must be [transformers, CLIPTextModel] but is");
  }

  @Test
  void partsThatDoNotFit_areNamed() throws IOException {
    change(model.resolve("unet/config.json"), json -> json.put("cross_attention_dim", 16L));
    assertThatExceptionOfType(ModelFormatException.class)
        .isThrownBy(() -> TextToImage.load(model))
        .withMessageContaining("unet");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "num_inference_steps|0|an integer in [1, 2147483647] but is 0",
        "num_inference_steps|3000000000|an integer in [1, 2147483647] but is 3000000000",
        "num_inference_steps|2.5|an integer in [1, 2147483647] but is 2.5",
        "guidance_scale|-1|a number in [0, 2147483647] but is -1",
        "max_noise_level|\"many\"|an integer in [0, 2147483647] but is many"
      })
  void settingsOutOfRange_areNamed(String name, String value, String requirement)
      throws IOException {
    Path file = model.resolve("model_index.json");
    String json = Files.readString(file).trim();
    Files.writeString(
        file, json.substring(0, json.length() - 1) + ", \"" + name + "\": " + value + "}");
    assertRefused("model_index.json", name + " must be " + requirement);
  }

  @Test
  void encodersOfDifferentLengths_areNamed() throws IOException {
    model = Pipelines.whole(Pipelines.MODELS.resolve("sdxl"), folder);
    change(
        model.resolve("tokenizer_2/tokenizer_config.json"),
        json -> json.put("model_max_length", 70L));
    assertRefused("tokenizer_2", "encoders must have as many tokens as the first, 77, but one");
  }

  @Test
  void foldersWithoutIndex_areNamed() {
    assertThatExceptionOfType(ModelFormatException.class)
        .isThrownBy(() -> TextToImage.load(model.resolve("unet")))
        .withMessageContaining("TextToImage.builder makes a model of parts");
    assertThatExceptionOfType(ModelFormatException.class)
        .isThrownBy(() -> TextToImage.load(folder.resolve("nothing")))
        .withMessageContaining("does not exist");
  }

  private void assertRefused(String file, String message) {
    assertThatExceptionOfType(ModelFormatException.class)
        .isThrownBy(() -> TextToImage.load(model))
        .withMessageContaining(file)
        .withMessageContaining(message);
  }

  private static void delete(Path directory) throws IOException {
    List<Path> paths = new ArrayList<>();
    try (var found = Files.walk(directory)) {
      found.forEach(paths::add);
    }
    for (int i = paths.size() - 1; i >= 0; i--) {
      Files.delete(paths.get(i));
    }
  }
}
