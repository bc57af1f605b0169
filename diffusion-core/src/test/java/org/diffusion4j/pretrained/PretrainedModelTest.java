package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class PretrainedModelTest {

  private static final UNetConfig CONFIG =
      UNetConfig.builder(1, 8, 4)
          .blockOutChannels(4, 8)
          .downBlocks(Block.PLAIN, Block.ATTENTION)
          .layersPerBlock(1)
          .normGroups(2)
          .attentionHeadDim(4)
          .build();
  private static final String WEIGHTS = "unet/diffusion_pytorch_model.safetensors";

  @TempDir Path directory;

  private static UNet unet(NoiseSchedule schedule, Prediction prediction) {
    return UNet.create(CONFIG, schedule, prediction, 7);
  }

  private Path saved() throws IOException {
    Path path = directory.resolve("model");
    try (UNet model = unet(NoiseSchedule.linear(50), Prediction.EPSILON)) {
      PretrainedModel.of(model).save(path);
    }
    return path;
  }

  private static INDArray predict(SameDiffDenoiser model, long... shape) {
    INDArray x = Nd4j.linspace(DataType.FLOAT, -1, 0.01, shape[0] * shape[1] * 8 * 4);
    return model.predict(x.reshape(shape), Nd4j.createFromArray(3f, 40f), Condition.none());
  }

  private static Map<String, byte[]> bytes(Path directory) throws IOException {
    Map<String, byte[]> all = new TreeMap<>();
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        all.put(directory.relativize(file).toString(), Files.readAllBytes(file));
      }
    }
    return all;
  }

  @Test
  void savedAndLoaded_predictsTheSame() throws IOException {
    for (Prediction prediction : Prediction.values()) {
      NoiseSchedule schedule = NoiseSchedule.cosine(50);
      Path path = directory.resolve(prediction.name());
      try (UNet model = unet(schedule, prediction)) {
        PretrainedModel.of(model).save(path);
        try (PretrainedModel loaded = PretrainedModel.load(path)) {
          assertThat(((UNet) loaded.model()).config()).isEqualTo(CONFIG);
          assertThat(loaded.model().schedule()).isEqualTo(schedule);
          assertThat(loaded.model().prediction()).isEqualTo(prediction);
          assertThat(predict(loaded.model(), 2, 1, 8, 4)).isEqualTo(predict(model, 2, 1, 8, 4));
        }
      }
    }
  }

  @Test
  void savedLoadedAndSavedAgain_givesIdenticalBytes() throws IOException {
    Path first = directory.resolve("first");
    Path second = directory.resolve("second");
    try (UNet model = unet(NoiseSchedule.ofBetas(0.1, 0.2, 0.3), Prediction.SAMPLE)) {
      PretrainedModel.of(model)
          .withProvenance(Provenance.ofThisLibrary().with("steps", 12))
          .save(first);
    }
    try (PretrainedModel loaded = PretrainedModel.load(first)) {
      loaded.save(second);
    }
    Map<String, byte[]> expected = bytes(first);
    assertThat(expected.keySet())
        .containsExactly(
            "model_index.json",
            "provenance.json",
            "scheduler/scheduler_config.json",
            "unet/config.json",
            WEIGHTS);
    Map<String, byte[]> actual = bytes(second);
    assertThat(actual.keySet()).isEqualTo(expected.keySet());
    expected.forEach((name, content) -> assertThat(actual.get(name)).as(name).isEqualTo(content));
  }

  @Test
  void everySchedule_survives() throws IOException {
    List<NoiseSchedule> unnamed =
        List.of(NoiseSchedule.sigmoid(40, 0.001, 0.1), NoiseSchedule.ofBetas(0.1, 0.7, 0.2));
    List<NoiseSchedule> schedules =
        List.of(
            NoiseSchedule.linear(30),
            NoiseSchedule.linear(10, 0.001, 0.3),
            NoiseSchedule.scaledLinear(1000, 0.00085, 0.012),
            NoiseSchedule.cosine(20),
            NoiseSchedule.cosine(1000),
            NoiseSchedule.sigmoid(1000),
            NoiseSchedule.linear(1000),
            NoiseSchedule.sigmoid(40),
            NoiseSchedule.sigmoid(40, 0.001, 0.1),
            NoiseSchedule.ofBetas(0.5),
            NoiseSchedule.ofBetas(0.1, 0.7, 0.2));
    for (NoiseSchedule schedule : schedules) {
      SchedulerConfig config = SchedulerConfig.of(schedule, Prediction.EPSILON);
      assertThat(config.schedule()).isEqualTo(schedule);
      boolean listed = config.settings().get("trained_betas") != null;
      assertThat(listed).as("%s beta by beta", schedule).isEqualTo(unnamed.contains(schedule));
    }
    NoiseSchedule zero = NoiseSchedule.linear(100).withZeroTerminalSnr();
    NoiseSchedule read = SchedulerConfig.of(zero, Prediction.VELOCITY).schedule();
    assertThat(read.alphaBar(99)).isZero();
    for (int t = 0; t < 100; t++) {
      assertThat(read.beta(t))
          .isCloseTo(zero.beta(t), org.assertj.core.api.Assertions.within(1e-12));
    }
  }

  @Test
  void changedSettings_survive() throws IOException {
    Path path = directory.resolve("clipping");
    try (UNet model = unet(NoiseSchedule.linear(50), Prediction.EPSILON)) {
      PretrainedModel pretrained = PretrainedModel.of(model);
      assertThat(pretrained.scheduler().flag("clip_sample", true)).isFalse();
      SchedulerConfig clipping = pretrained.scheduler().with("clip_sample", true);
      pretrained.withScheduler(clipping).save(path);
    }
    try (PretrainedModel loaded = PretrainedModel.load(path)) {
      assertThat(loaded.scheduler().flag("clip_sample", false)).isTrue();
    }
  }

  @Test
  void anMlp_survives() throws IOException {
    Path path = directory.resolve("mlp");
    try (Mlp model = Mlp.create(new Mlp.Config(3, 8, 2), NoiseSchedule.linear(100), 5)) {
      PretrainedModel.of(model).save(path);
      try (PretrainedModel loaded = PretrainedModel.load(path)) {
        INDArray x = Nd4j.linspace(DataType.FLOAT, -1, 0.1, 6).reshape(2, 3);
        INDArray t = Nd4j.createFromArray(1f, 99f);
        assertThat(loaded.model().predict(x, t, Condition.none()))
            .isEqualTo(model.predict(x, t, Condition.none()));
      }
    }
  }

  @Test
  void oldAttentionNames_areRead() throws IOException {
    Path path = saved();
    INDArray before = withModel(path);
    Path weights = path.resolve(WEIGHTS);
    Map<String, INDArray> old = new HashMap<>();
    ReferenceModels.tensors(weights)
        .forEach(
            (name, tensor) ->
                old.put(
                    name.replace(".to_q.", ".query.")
                        .replace(".to_k.", ".key.")
                        .replace(".to_v.", ".value.")
                        .replace(".to_out.0.", ".proj_attn."),
                    tensor));
    assertThat(old.keySet()).anyMatch(name -> name.contains(".proj_attn."));
    Safetensors.write(weights, old, Map.of());
    assertThat(withModel(path)).isEqualTo(before);
  }

  private static INDArray withModel(Path path) throws IOException {
    try (PretrainedModel loaded = PretrainedModel.load(path)) {
      return predict(loaded.model(), 2, 1, 8, 4);
    }
  }

  @Test
  void shards_areRead() throws IOException {
    Path path = saved();
    INDArray before = withModel(path);
    Path weights = path.resolve(WEIGHTS);
    Map<String, INDArray> even = new TreeMap<>();
    Map<String, INDArray> odd = new TreeMap<>();
    Map<String, String> index = new TreeMap<>();
    int i = 0;
    for (Map.Entry<String, INDArray> entry : ReferenceModels.tensors(weights).entrySet()) {
      boolean isEven = i++ % 2 == 0;
      (isEven ? even : odd).put(entry.getKey(), entry.getValue());
      index.put(entry.getKey(), isEven ? "a.safetensors" : "b.safetensors");
    }
    Files.delete(weights);
    Safetensors.write(path.resolve("unet/a.safetensors"), even, Map.of());
    Safetensors.write(path.resolve("unet/b.safetensors"), odd, Map.of());
    Path indexFile = path.resolve(WEIGHTS + ".index.json");
    Json.write(indexFile, Map.of("metadata", Map.of(), "weight_map", index));
    assertThat(withModel(path)).isEqualTo(before);

    Json.write(indexFile, Map.of("weight_map", Map.of("x", "../../secret.safetensors")));
    assertThatThrownBy(() -> PretrainedModel.load(path))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("../../secret.safetensors");
  }

  @Test
  void weightsThatDoNotFit_areAllListed() throws IOException {
    Path path = saved();
    Path weights = path.resolve(WEIGHTS);
    Map<String, INDArray> tensors = ReferenceModels.tensors(weights);
    tensors.remove("conv_in.bias");
    tensors.put("conv_out.bias", Nd4j.zeros(DataType.FLOAT, 9));
    tensors.put("something.else", Nd4j.zeros(DataType.FLOAT, 2, 3));
    tensors.put("conv_norm_out.bias", Nd4j.zeros(DataType.INT64, 4));
    Safetensors.write(weights, tensors, Map.of());
    assertThatThrownBy(() -> PretrainedModel.load(path))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(weights.toString())
        .hasMessageContaining("conv_in.bias [4] is missing")
        .hasMessageContaining("conv_out.bias must be [1] but is [9]")
        .hasMessageContaining("something.else [2, 3] is surplus")
        .hasMessageContaining("conv_norm_out.bias must be one of");
  }

  @Test
  void whatIsNotSupported_isNamed() throws IOException {
    refuses("unet/config.json", "\"UNet2DModel\"", "\"UNet3D\"", "UNet3D", "UNet2DModel");
    refuses(
        "unet/config.json",
        "\"DownBlock2D\"",
        "\"KDownBlock2D\"",
        "KDownBlock2D",
        "SkipDownBlock2D");
    refuses(
        "unet/config.json", "\"DownBlock2D\"", "\"SkipDownBlock2D\"", "input channels must be 3");
    refuses("unet/config.json", "\"silu\"", "\"celu\"", "celu", "[gelu, mish, relu, silu, swish]");
    refuses("unet/config.json", "\"positional\"", "\"magic\"", "magic", "fourier");
    refuses("unet/config.json", "\"layers_per_block\": 1", "\"layers_per_block\": 0", "0");
    refuses(
        "model_index.json", "\"DDPMPipeline\"", "\"FluxPipeline\"", "FluxPipeline", "DDIMPipeline");
    String scheduler = "scheduler/scheduler_config.json";
    refuses(scheduler, "\"epsilon\"", "\"flow\"", "prediction_type", "flow", "v_prediction");
    refuses(scheduler, "\"linear\"", "\"exp\"", "beta_schedule", "exp", "squaredcos_cap_v2");
    refuses(scheduler, "\"DDPMScheduler\"", "\"FlowScheduler\"", "FlowScheduler", "DDIMScheduler");
    refuses(
        scheduler, "\"num_train_timesteps\": 50", "\"num_train_timesteps\": 9000000000", "9.0E9");
  }

  private void refuses(String file, String text, String replacement, String... mentions)
      throws IOException {
    Path path = saved();
    Path edited = path.resolve(file);
    String json = Files.readString(edited);
    assertThat(json).contains(text);
    Files.writeString(edited, json.replace(text, replacement));
    assertThatThrownBy(() -> PretrainedModel.load(path))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(edited.toString())
        .hasMessageContainingAll(mentions);
  }

  @Test
  void missingDirectoriesAndFiles_areNamed() throws IOException {
    assertThatThrownBy(() -> PretrainedModel.load(directory.resolve("nowhere")))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("nowhere");
    for (String file :
        List.of(
            "unet/config.json", WEIGHTS, "scheduler/scheduler_config.json", "model_index.json")) {
      Path path = saved();
      Files.delete(path.resolve(file));
      assertThatThrownBy(() -> PretrainedModel.load(path))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageStartingWith(path.resolve(file).toString());
      Files.createFile(path.resolve("model_index.json").resolveSibling("model_index.json.keep"));
      delete(path);
    }
  }

  private static void delete(Path path) throws IOException {
    try (Stream<Path> files = Files.walk(path)) {
      files
          .sorted((a, b) -> b.compareTo(a))
          .forEach(
              file -> {
                try {
                  Files.delete(file);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
    }
  }

  @Test
  void configsOfOldAndNewReleases_areRead() throws IOException {
    Path path = saved();
    INDArray before = withModel(path);
    Path file = path.resolve("unet/config.json");
    Map<String, Object> json = new TreeMap<>(Json.read(file));
    for (String newer :
        List.of(
            "attn_norm_num_groups",
            "class_embed_type",
            "dropout",
            "downsample_type",
            "num_class_embeds",
            "num_train_timesteps",
            "resnet_time_scale_shift",
            "upsample_type",
            "add_attention")) {
      json.remove(newer);
    }
    json.put("a_setting_of_the_future", 1L);
    json.put("_name_or_path", "somewhere/else");
    Json.write(file, json);
    assertThat(withModel(path)).isEqualTo(before);
  }

  @Test
  void saving_leavesWhatIsNotAModelAlone() throws IOException {
    Path precious = Files.createDirectory(directory.resolve("precious"));
    Files.writeString(precious.resolve("thesis.txt"), "years of work");
    try (UNet model = unet(NoiseSchedule.linear(50), Prediction.EPSILON)) {
      PretrainedModel pretrained = PretrainedModel.of(model);
      assertThatThrownBy(() -> pretrained.save(precious))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("precious");
      pretrained.save(directory.resolve("a/b/model"));
      pretrained.save(directory.resolve("a/b/model"));
    }
    assertThat(precious.resolve("thesis.txt")).hasContent("years of work");
    try (Stream<Path> files = Files.list(directory.resolve("a/b"))) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void mutatedConfigs_endInTheLibrarysOwnException() throws IOException {
    Path small = directory.resolve("small");
    try (Mlp model = Mlp.create(new Mlp.Config(3, 8, 2), NoiseSchedule.linear(50), 5)) {
      PretrainedModel.of(model).save(small);
    }
    // A small network does for the files that are the same for all.
    List<Path> files =
        List.of(
            saved().resolve("unet/config.json"),
            small.resolve("mlp/config.json"),
            small.resolve("scheduler/scheduler_config.json"),
            small.resolve("model_index.json"));
    Random random = new Random(20_261_120);
    int refused = 0;
    for (int i = 0; i < 1500; i++) {
      Path file = files.get(random.nextInt(files.size()));
      Path path = file.startsWith(small) ? small : directory.resolve("model");
      byte[] original = Files.readAllBytes(file);
      byte[] mutant = mutate(original, random);
      rewrite(file, mutant);
      try (PretrainedModel loaded = PretrainedModel.load(path)) {
        assertThat(loaded.model()).isNotNull();
      } catch (ModelFormatException e) {
        assertThat(e).hasMessageContaining(path.toString());
        refused++;
      } catch (RuntimeException | Error e) {
        throw new AssertionError(
            "mutant " + i + " of " + file + ": " + new String(mutant, StandardCharsets.UTF_8), e);
      }
      rewrite(file, original);
    }
    assertThat(refused).isBetween(300, 1499);
  }

  /**
   * As a new file: some file systems send one that is cut and written again to the disk at once.
   */
  private static void rewrite(Path file, byte[] bytes) throws IOException {
    Files.delete(file);
    Files.write(file, bytes);
  }

  private static final List<String> NUMBERS =
      List.of(
          "0",
          "-1",
          "1e99",
          "2147483647",
          "99999999999",
          "0.5",
          "null",
          "[]",
          "{}",
          "\"x\"",
          "-Infinity",
          "NaN",
          "3",
          "true");

  private static byte[] mutate(byte[] original, Random random) {
    String text = new String(original, StandardCharsets.UTF_8);
    switch (random.nextInt(5)) {
      case 0 -> {
        return Arrays.copyOf(original, random.nextInt(original.length));
      }
      case 1 -> {
        byte[] flipped = original.clone();
        flipped[random.nextInt(flipped.length)] ^= (byte) (1 << random.nextInt(8));
        return flipped;
      }
      case 2 -> {
        int at = random.nextInt(text.length());
        return (text.substring(0, at) + "[".repeat(random.nextInt(500)) + text.substring(at))
            .getBytes(StandardCharsets.UTF_8);
      }
      default -> {
        // Another value for one of the settings.
        String[] lines = text.split("\n");
        int line = random.nextInt(lines.length);
        int colon = lines[line].indexOf(": ");
        String value = NUMBERS.get(random.nextInt(NUMBERS.size()));
        if (colon > 0 && !lines[line].endsWith("[")) {
          lines[line] =
              lines[line].substring(0, colon + 2) + value + (lines[line].endsWith(",") ? "," : "");
        } else if (lines[line].strip().matches("-?\\d+,?")) {
          lines[line] = value + (lines[line].endsWith(",") ? "," : "");
        }
        return String.join("\n", lines).getBytes(StandardCharsets.UTF_8);
      }
    }
  }
}
