package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.diffusion4j.reference.ReferenceCases.distance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.pretrained.ReferenceModels;
import org.diffusion4j.text.ClipTextModel.Activation;
import org.diffusion4j.text.ClipTextModel.Config;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ClipTextModelTest {

  private static final Config CONFIG = Config.of(50, 8, 16, 2, 2).withProjection(6);
  private static final ClipTextModel MODEL = ClipTextModel.create(CONFIG, 1);
  private static final int[][] IDS = {{3, 1, 4, 1, 5, 49, 0, 0}, {9, 2, 49, 0, 0, 0, 0, 0}};

  @AfterAll
  static void close() {
    MODEL.close();
  }

  private static float[] floats(INDArray array) {
    return array.dup('c').data().asFloat();
  }

  /** The last hidden state and the pooled embedding. */
  private static List<float[]> values(ClipTextModel model, int[][] ids) {
    try (Embeddings outputs = model.outputs(ids, null, 0, true)) {
      return List.of(floats(outputs.tokens()), floats(outputs.pooled()));
    }
  }

  @Test
  void create_sameSeed_givesSameWeights() {
    try (ClipTextModel same = ClipTextModel.create(CONFIG, 1);
        ClipTextModel other = ClipTextModel.create(CONFIG, 2)) {
      assertThat(values(same, IDS)).usingRecursiveComparison().isEqualTo(values(MODEL, IDS));
      assertThat(values(other, IDS).get(0)).isNotEqualTo(values(MODEL, IDS).get(0));
      assertThat(same.weights().keySet()).isEqualTo(CONFIG.weightShapes().keySet());
    }
  }

  @Test
  void outputs_ofSeveralTexts_areThoseOfEach() {
    List<float[]> both = values(MODEL, IDS);
    int half = both.get(0).length / 2;
    for (int i = 0; i < 2; i++) {
      List<float[]> one = values(MODEL, new int[][] {IDS[i]});
      assertThat(both.get(0)).containsSequence(one.get(0));
      assertThat(one.get(0)).hasSize(half);
      assertThat(both.get(1)).containsSequence(one.get(1));
    }
  }

  @Test
  void outputs_inSeveralThreads_areThoseOfOne() throws Exception {
    List<float[]> expected = values(MODEL, IDS);
    ExecutorService threads = Executors.newFixedThreadPool(16);
    try {
      List<Future<List<float[]>>> all = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        all.add(threads.submit(() -> values(MODEL, IDS)));
      }
      for (Future<List<float[]>> one : all) {
        assertThat(one.get()).usingRecursiveComparison().isEqualTo(expected);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void outputs_withinAWorkspace_areNotPartOfIt() {
    Embeddings outputs;
    try (MemoryWorkspace workspace =
        Nd4j.getWorkspaceManager().getAndActivateWorkspace("ClipTextModelTest")) {
      outputs = MODEL.outputs(IDS, null, 0, true);
      assertThat(outputs.tokens().isAttached()).isFalse();
    }
    outputs.close();
    assertThat(outputs.tokens().wasClosed()).isTrue();
  }

  @Test
  void state_dependsOnNoLaterId() {
    float[] whole = values(MODEL, new int[][] {IDS[0]}).get(0);
    float[] start = values(MODEL, new int[][] {{3, 1, 4}}).get(0);
    float[] other = values(MODEL, new int[][] {{3, 1, 4, 7, 7, 7, 7, 7}}).get(0);

    assertThat(start).hasSize(3 * 16);
    assertThat(Arrays.copyOf(whole, start.length)).isEqualTo(start);
    assertThat(Arrays.copyOf(other, start.length)).isEqualTo(start);
    assertThat(other[3 * 16]).isNotEqualTo(whole[3 * 16]);
  }

  @Test
  void mask_hidesIds() {
    try (ClipTextModel masked = ClipTextModel.create(CONFIG.withMask(), 1);
        Embeddings open = masked.outputs(IDS, null, 0, true);
        Embeddings plain = MODEL.outputs(IDS, null, 0, true);
        Embeddings one = masked.outputs(new int[][] {{3, 1, 4}}, new int[][] {{1, 0, 1}}, 0, true);
        Embeddings two =
            masked.outputs(new int[][] {{3, 8, 4}}, new int[][] {{1, 0, 1}}, 0, true)) {
      assertThat(distance(open.tokens(), plain.tokens())).isLessThan(1e-5);
      float[] a = floats(one.tokens());
      float[] b = floats(two.tokens());
      assertThat(Arrays.copyOfRange(a, 32, 48)).isEqualTo(Arrays.copyOfRange(b, 32, 48));
      assertThat(Arrays.copyOfRange(a, 16, 32)).isNotEqualTo(Arrays.copyOfRange(b, 16, 32));
    }
  }

  @ParameterizedTest
  @CsvSource({"7,3", "2,1", "99,0"})
  void pooledRow_isThatOfTheEnd(int endId, int row) {
    assertThat(ClipTextInputs.pooledRow(new int[] {5, 9, 6, 7, 9, 7}, endId)).isEqualTo(row);
  }

  @Test
  void weightsChanged_changesOutputs() {
    try (ClipTextModel model = ClipTextModel.create(CONFIG, 1)) {
      List<float[]> before = values(model, IDS);
      model.weights().get("text_model.final_layer_norm.bias").addi(1);
      model.weightsChanged();
      assertThat(values(model, IDS).get(0)[0]).isEqualTo(before.get(0)[0] + 1);
    }
  }

  @Test
  void closedModel_isRefused() {
    ClipTextModel model = ClipTextModel.create(CONFIG, 1);
    model.close();
    model.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> model.outputs(IDS, null, 0, true))
        .withMessage("the model is closed");
    assertThatIllegalStateException().isThrownBy(model::weights);
    assertThatIllegalStateException().isThrownBy(() -> model.save(Path.of("no", "where")));
  }

  static Stream<Arguments> badInputs() {
    return Stream.of(
        Arguments.of(new int[0][], null, 0, "texts must be at least 1 but were 0"),
        Arguments.of(new int[1][0], null, 0, "ids of a text must be in [1, 8] but was 0"),
        Arguments.of(new int[1][9], null, 0, "ids of a text must be in [1, 8] but was 9"),
        Arguments.of(
            new int[][] {{1, 2}, {3}}, null, 0, "as many ids as the first, 2, but one has 1"),
        Arguments.of(new int[][] {{1, 50}}, null, 0, "ids must be in [0, 49] but was 50"),
        Arguments.of(new int[][] {{-1}}, null, 0, "ids must be in [0, 49] but was -1"),
        Arguments.of(IDS, null, 3, "skipped blocks must be in [0, 2] but was 3"),
        Arguments.of(IDS, null, -1, "skipped blocks must be in [0, 2] but was -1"),
        Arguments.of(IDS, IDS, 0, "mask must be null because the model is not masked"));
  }

  @ParameterizedTest
  @MethodSource("badInputs")
  void outputs_ofBadInput_areRefused(int[][] ids, int[][] mask, int skip, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MODEL.outputs(ids, mask, skip, true))
        .withMessageContaining(message);
  }

  @Test
  void badMask_isRefused() {
    try (ClipTextModel masked = ClipTextModel.create(CONFIG.withMask(), 1)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> masked.outputs(IDS, new int[1][8], 0, true))
          .withMessage("mask must have one row per text, 2, but has 1");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> masked.outputs(IDS, new int[2][7], 0, true))
          .withMessage("rows of the mask must have 8 values but one has 7");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> masked.outputs(IDS, IDS, 0, true))
          .withMessage("values of the mask must be in [0, 1] but was 3");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "vocab_size|0|vocabulary must be at least 1 but was 0",
        "max_position_embeddings|5000|positions must be in [1, 4096] but was 5000",
        "hidden_size|-1|width must be at least 1 but was -1",
        "intermediate_size|0|inner width must be at least 1 but was 0",
        "num_hidden_layers|1001|layers must be in [1, 1000] but was 1001",
        "num_attention_heads|3|width must be a multiple of the heads but was 16 for 3 heads",
        "num_attention_heads|2.5|num_attention_heads must be a whole number but was 2.5",
        "layer_norm_eps|0|norm epsilon must be positive but was 0.0",
        "projection_dim|-2|projection must be at least 0 but was -2",
        "hidden_act|\"relu\"|hidden_act must be one of [gelu, quick_gelu] but was relu",
        "architectures|[\"T5EncoderModel\"]|architectures must be [CLIPTextModel] or"
            + " [CLIPTextModelWithProjection] but was [T5EncoderModel]"
      })
  void load_ofBadSetting_namesIt(String key, String value, String message, @TempDir Path folder)
      throws IOException {
    MODEL.save(folder.resolve("model"));
    Path file = folder.resolve("model").resolve("config.json");
    Files.writeString(
        file,
        Files.readString(file)
            .replaceFirst("\"" + key + "\": (\\[[^]]*]|[^,\n]*)", "\"" + key + "\": " + value));
    assertThatThrownBy(() -> ClipTextModel.load(folder.resolve("model")))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(folder.resolve("model").toString())
        .hasMessageContaining(message);
  }

  @Test
  void weightsThatExceedMemory_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ClipTextModel.create(Config.of(1_000_000_000, 8, 4096, 2, 2), 1))
        .withMessageStartingWith("weights must fit into the ");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void frozenModel_givesTheSame_andHasNoWeights(boolean half, @TempDir Path folder)
      throws IOException {
    Path directory = folder.resolve("model");
    MODEL.save(directory);
    if (half) {
      Path file = directory.resolve("model.safetensors");
      Map<String, INDArray> weights = ReferenceModels.tensors(file);
      weights.replaceAll((name, weight) -> weight.castTo(DataType.FLOAT16));
      Safetensors.write(file, weights, Map.of());
    }
    try (ClipTextModel frozen = ClipTextModel.loadFrozen(directory);
        ClipTextModel loaded = ClipTextModel.load(directory)) {
      assertThat(values(frozen, IDS)).usingRecursiveComparison().isEqualTo(values(loaded, IDS));
      if (loaded.isPlanned()) {
        assertThatIllegalStateException()
            .isThrownBy(frozen::weights)
            .withMessageStartingWith("weights must be those of a model that can change");
        assertThatIllegalStateException().isThrownBy(() -> frozen.save(folder.resolve("copy")));
      }
    }
  }

  @Test
  void load_ofMissingFiles_namesThem(@TempDir Path folder) throws IOException {
    Path model = folder.resolve("model");
    assertThatThrownBy(() -> ClipTextModel.load(model))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("config.json")
        .hasMessageContaining("does not exist");
    MODEL.save(model);
    Files.move(model.resolve("model.safetensors"), model.resolve("pytorch_model.bin"));
    assertThatThrownBy(() -> ClipTextModel.load(model))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("pickles are not read but only safetensors");
  }

  @Test
  void load_ignoresPositionsAndUnknownSettings(@TempDir Path folder) throws IOException {
    Path model = folder.resolve("model");
    MODEL.save(model);
    Map<String, Object> config = new TreeMap<>(Json.read(model.resolve("config.json")));
    config.put("dtype", config.remove("torch_dtype"));
    config.put("_name_or_path", "somewhere");
    config.put("dropout", 0.0);
    Json.write(model.resolve("config.json"), config);
    Map<String, INDArray> weights = ReferenceModels.tensors(model.resolve("model.safetensors"));
    weights.put("text_model.embeddings.position_ids", Nd4j.createFromArray(new long[][] {{0, 1}}));
    Safetensors.write(model.resolve("model.safetensors"), weights, Map.of());
    List<String> warnings = new ArrayList<>();

    assertThat(Config.fromJson(config, warnings::add)).isEqualTo(CONFIG);
    assertThat(warnings).containsExactly("settings that are unknown and ignored: dropout");
    try (ClipTextModel loaded = ClipTextModel.load(model)) {
      assertThat(values(loaded, IDS)).usingRecursiveComparison().isEqualTo(values(MODEL, IDS));
    }
  }

  @Test
  void load_ofProjectedWeightsWithoutProjection_isRefused(@TempDir Path folder) throws IOException {
    Path model = folder.resolve("model");
    MODEL.save(model);
    Path file = model.resolve("config.json");
    Files.writeString(file, Files.readString(file).replace("WithProjection", ""));
    assertThatThrownBy(() -> ClipTextModel.load(model))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("text_projection.weight [6, 16] is surplus");
  }

  @Test
  void emptyJson_hasTheDefaultsOfTransformers() {
    Config config = Config.fromJson(Collections.emptyMap(), warning -> {});
    assertThat(config)
        .isEqualTo(
            new Config(
                49_408, 77, 512, 2048, 12, 8, Activation.QUICK_GELU, 1e-5, 0, 49_407, false));
    assertThat(config.pooledWidth()).isEqualTo(512);
    Config other = CONFIG.withActivation(Activation.GELU).withMask();
    assertThat(Config.fromJson(other.toJson(), warning -> {})).isEqualTo(other);
  }
}
