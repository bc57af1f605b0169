package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.assertj.core.api.AbstractThrowableAssert;
import org.diffusion4j.Condition;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Model directories as other tools, and people, leave them. */
class FoundModelsTest {

  private static final UNetConfig CONFIG =
      UNetConfig.builder(1, 4, 4)
          .blockOutChannels(4, 8)
          .layersPerBlock(1)
          .normGroups(2)
          .midAttention(false)
          .build();
  private static final String NAME = "diffusion_pytorch_model";
  private static final String WEIGHTS = NAME + ".safetensors";

  @TempDir private Path directory;
  private Path model;
  private Path unet;
  private INDArray expected;

  @BeforeEach
  void saveAModel() throws IOException {
    model = directory.resolve("model");
    unet = model.resolve("unet");
    try (UNet network = UNet.create(CONFIG, NoiseSchedule.cosine(50), 7)) {
      PretrainedModel.of(network).save(model);
      expected = predict(network);
    }
  }

  private static INDArray predict(UNet network) {
    INDArray x = Nd4j.linspace(DataType.FLOAT, -1, 0.1, 16).reshape(1, 1, 4, 4);
    return network.predict(x, Nd4j.createFromArray(17f), Condition.none());
  }

  private INDArray read() throws IOException {
    try (PretrainedModel loaded = PretrainedModel.load(model)) {
      return predict((UNet) loaded.model());
    }
  }

  private AbstractThrowableAssert<?, ?> assertRefused(Path file) {
    return assertThatThrownBy(() -> PretrainedModel.load(model))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(file + ": ")
        .satisfies(
            e -> assertThat(e.getMessage().length()).isLessThan(500 + file.toString().length()));
  }

  private static void set(Path file, String key, Object value) throws IOException {
    Map<String, Object> json = new TreeMap<>(Json.read(file));
    json.put(key, value);
    Json.write(file, json);
  }

  @Test
  void load_filesBesideTheIndex_areRead() throws IOException {
    Files.move(unet.resolve("config.json"), model.resolve("config.json"));
    Files.move(unet.resolve(WEIGHTS), model.resolve(WEIGHTS));
    Files.delete(unet);
    assertThat(read()).isEqualTo(expected);
    Path scheduler = model.resolve("scheduler/scheduler_config.json");
    Files.move(scheduler, model.resolve("scheduler_config.json"));
    Files.delete(scheduler.getParent());
    assertThat(read()).isEqualTo(expected);

    try (PretrainedModel loaded = PretrainedModel.load(model)) {
      loaded.save(model);
    }
    assertThat(model.resolve("config.json")).doesNotExist();
    assertThat(unet.resolve("config.json")).exists();
    assertThat(scheduler).exists();
    assertThat(read()).isEqualTo(expected);
  }

  @Test
  void load_foldersAndFilesBesideTheIndex_readsTheFolders() throws IOException {
    Files.writeString(model.resolve("config.json"), "no configuration");
    Files.writeString(model.resolve("scheduler_config.json"), "no configuration");
    Files.writeString(model.resolve(WEIGHTS), "no weights");
    assertThat(read()).isEqualTo(expected);
  }

  @Test
  void load_withoutIndexOrScheduler_saysWhatReadsANetworkAlone() throws IOException {
    Path scheduler = model.resolve("scheduler/scheduler_config.json");
    Files.delete(scheduler);
    assertRefused(scheduler).hasMessageContaining("PretrainedModel.loadUNet(Path, NoiseSchedule,");
    Files.move(unet, model.resolve("unet_ema"));
    Path index = model.resolve("model_index.json");
    Files.delete(index);
    assertRefused(index).hasMessageContainingAll("unet_ema/", "loadUNet");
    UNet network =
        PretrainedModel.loadUNet(
            model.resolve("unet_ema"), NoiseSchedule.cosine(50), Prediction.EPSILON);
    try (network) {
      assertThat(predict(network)).isEqualTo(expected);
    }
  }

  @Test
  void load_ofANetworksOwnFolder_saysWhatReadsIt() {
    assertThatThrownBy(() -> PretrainedModel.load(unet))
        .isInstanceOf(ModelFormatException.class)
        .hasMessage(
            unet.resolve("model_index.json")
                + ": does not exist, so that the directory is that of a network;"
                + " PretrainedModel.loadUNet(Path, NoiseSchedule, Prediction) reads a network"
                + " alone");
  }

  @ParameterizedTest
  @ValueSource(strings = {"module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod.module."})
  void load_namesWithAWrappersPrefix_areRead(String prefix) throws IOException {
    Path file = unet.resolve(WEIGHTS);
    Map<String, INDArray> wrapped = new TreeMap<>();
    ReferenceModels.tensors(file).forEach((name, tensor) -> wrapped.put(prefix + name, tensor));
    Safetensors.write(file, wrapped, Map.of());
    assertThat(read()).isEqualTo(expected);

    wrapped.put("conv_in.bias", wrapped.remove(prefix + "conv_in.bias"));
    Safetensors.write(file, wrapped, Map.of());
    assertRefused(file).hasMessageContainingAll("conv_in.bias", prefix);
  }

  @Test
  void load_manySurplusWeights_namesAFewAndCountsTheRest() throws IOException {
    Path file = unet.resolve(WEIGHTS);
    Map<String, INDArray> tensors = ReferenceModels.tensors(file);
    for (int i = 0; i < 1000; i++) {
      tensors.put("x".repeat(500) + "\n\u001b" + i, Nd4j.scalar(1f));
    }
    Safetensors.write(file, tensors, Map.of());
    assertRefused(file)
        .satisfies(e -> assertThat(e.getMessage().chars()).noneMatch(Character::isISOControl));
    tensors.keySet().removeIf(name -> !name.startsWith("conv"));
    Safetensors.write(file, tensors, Map.of());
    assertRefused(file).hasMessageContaining(" is missing; and ").hasMessageEndingWith(" more");
  }

  @ParameterizedTest
  @ValueSource(strings = {"non_ema", "fp16"})
  void load_onlyAVariant_readsIt(String variant) throws IOException {
    Path file = unet.resolve(NAME + "." + variant + ".safetensors");
    Files.move(unet.resolve(WEIGHTS), file);
    assertThat(read()).isEqualTo(expected);
    Files.copy(file, unet.resolve(WEIGHTS));
    Files.writeString(file, "not read");
    assertThat(read()).isEqualTo(expected);
  }

  @Test
  void load_onlyAVariantInShards_readsIt() throws IOException {
    String shard = NAME + ".fp16-00001-of-00001.safetensors";
    Files.move(unet.resolve(WEIGHTS), unet.resolve(shard));
    Map<String, String> places = new TreeMap<>();
    ReferenceModels.tensors(unet.resolve(shard)).keySet().forEach(name -> places.put(name, shard));
    Path index = unet.resolve(WEIGHTS + ".index.fp16.json");
    Json.write(index, Map.of("weight_map", places));
    assertThat(read()).isEqualTo(expected);

    places.put("conv_in.bias", "elsewhere.safetensors");
    Files.copy(unet.resolve(shard), unet.resolve("elsewhere.safetensors"));
    Json.write(index, Map.of("weight_map", places));
    assertRefused(unet).hasMessageContaining("the index has another place for conv_in.bias");
  }

  @Test
  void load_severalVariants_asksWhich() throws IOException {
    Path file = unet.resolve(WEIGHTS);
    Files.copy(file, unet.resolve(NAME + ".fp16.safetensors"));
    Files.move(file, unet.resolve(NAME + ".non_ema.safetensors"));
    assertRefused(file).hasMessageContainingAll(".fp16.", ".non_ema.");
  }

  @ParameterizedTest
  @ValueSource(strings = {".bin", ".fp16.bin", ".ckpt", ".pt"})
  void load_onlyPickles_areNamedAndNotRead(String end) throws IOException {
    Path file = unet.resolve(WEIGHTS);
    Files.move(file, unet.resolve(NAME + end));
    assertRefused(file).hasMessageContainingAll("pickles are not read", NAME + end);
  }

  @Test
  void load_missingWeightsOfADeepNetwork_areReportedAtOnce() throws IOException {
    Path config = unet.resolve("config.json");
    set(config, "block_out_channels", Collections.nCopies(15, 8L));
    set(config, "down_block_types", Collections.nCopies(15, "DownBlock2D"));
    set(config, "up_block_types", Collections.nCopies(15, "UpBlock2D"));
    set(config, "sample_size", 16384L);
    set(config, "layers_per_block", 8L);
    Files.delete(unet.resolve(WEIGHTS));
    long start = System.nanoTime();
    assertRefused(unet.resolve(WEIGHTS)).hasMessageContaining("does not exist");
    assertThat(System.nanoTime() - start).isLessThan(5_000_000_000L);
    set(config, "layers_per_block", 64L);
    assertRefused(config).hasMessageContaining("at most 256 residual blocks");
  }

  @Test
  void load_timeEmbeddingOfAnotherWidth_isBuiltAndSaved() throws IOException {
    Path config = unet.resolve("config.json");
    set(config, "time_embedding_dim", null);
    set(config, "a_neutral_setting_of_the_future", false);
    assertThat(read()).isEqualTo(expected);

    UNetConfig wider = CONFIG.toBuilder().timeEmbeddingDim(24).build();
    INDArray ofWider;
    try (UNet network = UNet.create(wider, NoiseSchedule.cosine(50), 7)) {
      assertThat(network.weights().get("time_embedding.linear_1.weight").shape())
          .containsExactly(4, 24);
      ofWider = predict(network);
      PretrainedModel.of(network).save(model);
    }
    assertThat(Json.read(config)).containsEntry("time_embedding_dim", 24L);
    assertThat(read()).isEqualTo(ofWider);
    set(config, "time_embedding_dim", "wide");
    assertRefused(config).hasMessageContaining("time_embedding_dim must be a whole number");
  }

  @Test
  void load_indexAgainstItsParts_isBelievedOrContradicted() throws IOException {
    Path index = model.resolve("model_index.json");
    set(index, "scheduler", List.of("diffusers", "DDIMScheduler"));
    set(index, "vae", Arrays.asList(null, null));
    set(index, "safety_checker", null);
    try (PretrainedModel loaded = PretrainedModel.load(model)) {
      assertThat(loaded.scheduler().className()).isEqualTo("DDIMScheduler");
      assertThat(loaded.model().schedule()).isEqualTo(NoiseSchedule.cosine(50));
    }
    set(index, "scheduler", List.of("diffusers", "MagicScheduler"));
    assertRefused(index).hasMessageContaining("MagicScheduler");
    set(index, "scheduler", Arrays.asList(null, null));
    assertRefused(index).hasMessageContainingAll("scheduler must be [diffusers, ", "[null, null]");
    set(index, "scheduler", List.of("diffusers", "DDPMScheduler"));
    set(index, "unet", List.of("diffusers", "UNet2DConditionModel"));
    assertRefused(index)
        .hasMessageContainingAll("[diffusers, UNet2DModel]", "UNet2DConditionModel");
    set(index, "unet", List.of("their_code", "UNet2DModel"));
    assertRefused(index).hasMessageContaining("their_code");
  }

  @Test
  void load_partsWithoutAClass_areWhatTheIndexSays() throws IOException {
    set(unet.resolve("config.json"), "_class_name", null);
    set(model.resolve("scheduler/scheduler_config.json"), "_class_name", null);
    assertThat(read()).isEqualTo(expected);
  }

  @Test
  void load_longAndControlCharacters_areShownShortAndEscaped() throws IOException {
    String value = "a\n\u001b[31m\0".repeat(10_000);
    Path config = unet.resolve("config.json");
    for (String key : List.of("_class_name", "act_fn", "time_embedding_type", "sample_size")) {
      Object before = Json.read(config).get(key);
      set(config, key, value);
      assertRefused(config)
          .satisfies(e -> assertThat(e.getMessage().chars()).noneMatch(Character::isISOControl));
      set(config, key, before);
    }
    Path scheduler = model.resolve("scheduler/scheduler_config.json");
    for (String key : List.of("prediction_type", "beta_schedule", "_class_name")) {
      Object before = Json.read(scheduler).get(key);
      set(scheduler, key, value);
      assertRefused(scheduler)
          .satisfies(e -> assertThat(e.getMessage().chars()).noneMatch(Character::isISOControl));
      set(scheduler, key, before);
    }
  }

  @Test
  void load_whatIsNoPlainFile_isRefusedUnopened() throws IOException {
    Path config = unet.resolve("config.json");
    Files.delete(config);
    Files.createDirectory(config);
    assertRefused(config).hasMessageContaining("must be a regular file");
    Files.delete(config);
    Path zero = Path.of("/dev/zero");
    if (Files.exists(zero)) {
      Files.createSymbolicLink(config, zero);
      assertRefused(config).hasMessageContaining("must be a regular file");
    }
  }

  @Test
  void load_interrupted_saysSoAndBlamesNoFile() {
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> PretrainedModel.load(model))
        .isInstanceOf(InterruptedIOException.class)
        .hasMessageEndingWith("reading was interrupted");
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void save_throughALink_replacesWhatItLeadsTo() throws IOException {
    Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("model"));
    try (UNet other = UNet.create(CONFIG, NoiseSchedule.cosine(50), 8)) {
      PretrainedModel.of(other).save(link);
      expected = predict(other);
    }
    assertThat(link).isSymbolicLink();
    assertThat(read()).isEqualTo(expected);
  }

  @Test
  void load_weightsBehindAnUnknownPrefix_quotesIt() throws IOException {
    Path file = unet.resolve(WEIGHTS);
    Map<String, INDArray> renamed = new TreeMap<>();
    try (Safetensors tensors = Safetensors.open(file)) {
      for (String name : tensors.names()) {
        renamed.put("model.diffusion_model." + name, tensors.read(name));
      }
    }
    Safetensors.write(file, renamed, Map.of());
    assertRefused(file).hasMessageEndingWith("all begin with model.diffusion_model.");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"model.safetensors", NAME + ".msgpack", NAME + "-00001-of-00001.safetensors"})
  void load_weightsUnderAnotherName_saysWhichFilesAreThere(String name) throws IOException {
    Files.move(unet.resolve(WEIGHTS), unet.resolve(name));
    assertRefused(unet.resolve(WEIGHTS)).hasMessageEndingWith("does not exist; there is " + name);
  }
}
