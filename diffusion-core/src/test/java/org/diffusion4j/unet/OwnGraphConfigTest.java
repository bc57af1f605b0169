package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** The architectures of graphs of one's own: written, and read into an equal graph. */
class OwnGraphConfigTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(50);

  private static final int MUTANTS = Integer.getInteger("mutants", 70);

  @TempDir Path directory;

  private static SameDiffDenoiser denoiser(SameDiff graph, long... sample) {
    return new SameDiffDenoiser(graph, sample, SCHEDULE, Prediction.EPSILON);
  }

  private static INDArray samples(SameDiffDenoiser model) {
    long[] sample = model.sampleShape();
    long[] shape = new long[sample.length + 1];
    shape[0] = 3;
    System.arraycopy(sample, 0, shape, 1, sample.length);
    return PlanAndSession.gaussian(new Random(5), shape);
  }

  private static final INDArray TIMES = Nd4j.createFromArray(3f, 40f, 7f);

  private static void assertSame(SameDiffDenoiser actual, SameDiffDenoiser expected) {
    INDArray x = samples(expected);
    assertThat(actual.predict(x, TIMES, Condition.none()))
        .isEqualTo(expected.predict(x, TIMES, Condition.none()));
    assertThat(actual.predictionBytes(3)).isEqualTo(expected.predictionBytes(3));
  }

  private static void assertSameGradients(SameDiffDenoiser actual, SameDiffDenoiser expected) {
    INDArray x = samples(expected);
    try (Gradients ours = actual.gradients(x, TIMES, Condition.none(), x);
        Gradients theirs = expected.gradients(x, TIMES, Condition.none(), x)) {
      assertThat(ours.of()).isEqualTo(theirs.of());
      assertThat(ours.losses()).isEqualTo(theirs.losses());
    }
  }

  /** The same graph from its architecture, with the same weights. */
  private static SameDiffDenoiser recreated(SameDiffDenoiser model) {
    NetworkConfig config =
        NetworkConfig.Graph.fromJson(
            model.config().toJson(),
            warning -> {
              throw new AssertionError(warning);
            });
    assertThat(config).isEqualTo(model.config());
    SameDiffDenoiser made = config.create(SCHEDULE, Prediction.EPSILON, 0);
    assertThat(made.config()).isEqualTo(config);
    assertThat(made.weights().keySet()).containsExactlyElementsOf(model.weights().keySet());
    model.weights().forEach((name, weight) -> made.weights().get(name).assign(weight));
    made.weightsChanged();
    return made;
  }

  static Stream<Named<Supplier<SameDiffDenoiser>>> graphs() {
    Map<String, Supplier<SameDiffDenoiser>> all = new LinkedHashMap<>();
    OwnGraphs.vectors().forEach((name, graph) -> all.put(name, () -> denoiser(graph.get(), 6)));
    OwnGraphs.images()
        .forEach((name, graph) -> all.put(name, () -> denoiser(graph.get(), 2, 6, 4)));
    all.put("an MLP", () -> denoiser(Mlp.graph(new Mlp.Config(6, 8, 2), new Layers(1)), 6));
    all.put(
        "a U-Net",
        () -> denoiser(UNetGraph.build(Architectures.all().get("attention"), 3), 1, 8, 8));
    return all.entrySet().stream().map(e -> Named.of(e.getKey(), e.getValue()));
  }

  @ParameterizedTest
  @MethodSource("graphs")
  void create_fromWhatWasWritten_givesTheSameBits(Supplier<SameDiffDenoiser> graph) {
    try (SameDiffDenoiser model = graph.get();
        SameDiffDenoiser made = recreated(model)) {
      assertSame(made, model);
      assertSameGradients(made, model);
      // Neither running nor writing has changed it.
      assertThat(made.config()).isEqualTo(model.config());
      assertSame(made, model);
    }
  }

  @Test
  void create_withControlFlow_givesTheSameBits() {
    OwnGraphs.withControlFlow()
        .forEach(
            (name, graph) -> {
              try (SameDiffDenoiser model = denoiser(graph.get(), 6);
                  SameDiffDenoiser made = recreated(model)) {
                assertSame(made, model);
              }
            });
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void load_ofAGraphThatWasTrainedAndSavedByNd4j_isTheSameModel(boolean inSession) {
    SameDiff graph = OwnGraphs.everything().get();
    File file = directory.resolve("graph.fb").toFile();
    Supplier<SameDiffDenoiser> make = () -> denoiser(graph, 6);
    try (SameDiffDenoiser model = inSession ? PlanAndSession.inSession(make) : make.get()) {
      INDArray x = samples(model);
      for (int step = 0; step < 2; step++) {
        try (Gradients gradients = model.gradients(x, TIMES, Condition.none(), x)) {
          model.parameters().forEach((name, w) -> w.subi(gradients.of().get(name).mul(0.1)));
        }
      }
      graph.save(file, true);
      try (SameDiffDenoiser loaded = denoiser(SameDiff.load(file, true), 6)) {
        assertThat(loaded.weights()).isEqualTo(model.weights());
        if (!inSession) {
          assertSame(loaded, model);
        }
        assertSameGradients(loaded, loaded);
      }
    }
  }

  @Test
  void config_ofAGraphWithATrainingConfiguration_leavesItOut() {
    SameDiff graph = OwnGraphs.everything().get();
    graph.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Adam(1e-3))
            .dataSetFeatureMapping(Graphs.SAMPLE)
            .dataSetLabelMapping(Graphs.TIMESTEP)
            .build());
    try (SameDiffDenoiser model = denoiser(graph, 6);
        SameDiffDenoiser made = recreated(model)) {
      assertSame(made, model);
    }
  }

  private static Map<String, Object> json() {
    try (SameDiffDenoiser model = denoiser(OwnGraphs.everything().get(), 6)) {
      return new HashMap<>(model.config().toJson());
    }
  }

  private static void assertRefused(NetworkConfig config, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> config.create(SCHEDULE, Prediction.EPSILON, 0))
        .withMessageStartingWith(message);
  }

  @Test
  void fromJson_ofADamagedGraph_namesTheChecksum() {
    Map<String, Object> json = json();
    String definition = (String) json.get("graph");
    json.put("graph", definition.replace(definition.charAt(300), 'A'));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NetworkConfig.Graph.fromJson(json, warning -> {}))
        .withMessageStartingWith("graph must have the checksum " + json.get("graph_crc32c"));
    json.put("graph", 3L);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NetworkConfig.Graph.fromJson(json, warning -> {}))
        .withMessage("graph must be a string but was 3");
    json.put("graph", definition);
    json.put("weights", Map.of("w", List.of(6L, -6L)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NetworkConfig.Graph.fromJson(json, warning -> {}))
        .withMessage("weights must be of whole numbers from 0 on but one is -6");
  }

  @Test
  void create_ofWhatIsNoGraph_saysSo() {
    NetworkConfig.Graph config = NetworkConfig.Graph.fromJson(json(), warning -> {});
    byte[] bytes = Base64.getDecoder().decode(config.definition());
    for (byte[] wrong :
        List.of(new byte[0], new byte[] {1}, Arrays.copyOf(bytes, bytes.length / 2))) {
      String definition = Base64.getEncoder().encodeToString(wrong);
      assertRefused(
          new NetworkConfig.Graph(config.sampleShape(), config.weights(), definition),
          "graph cannot be read: ");
    }
    assertRefused(
        new NetworkConfig.Graph(config.sampleShape(), config.weights(), "*"),
        "graph must be base64 but is not");
  }

  /** Their checksums are right, so that ND4J reads what is wrong. */
  @Test
  void create_ofMutants_readsOrRefuses() {
    Random random = new Random(20_261_130);
    for (SameDiffDenoiser model :
        List.of(
            denoiser(OwnGraphs.everything().get(), 6),
            denoiser(OwnGraphs.images().get("strided convolution").get(), 2, 6, 4),
            denoiser(OwnGraphs.withControlFlow().get("loop").get(), 6))) {
      try (model) {
        NetworkConfig.Graph config = (NetworkConfig.Graph) model.config();
        byte[] original = Base64.getDecoder().decode(config.definition());
        int refused = 0;
        for (int i = 0; i < MUTANTS; i++) {
          String mutant = Base64.getEncoder().encodeToString(mutate(original, random));
          NetworkConfig wrong =
              new NetworkConfig.Graph(config.sampleShape(), config.weights(), mutant);
          try {
            wrong.create(SCHEDULE, Prediction.EPSILON, 0).close();
          } catch (IllegalArgumentException e) {
            refused++;
          }
        }
        assertThat(refused).isBetween(MUTANTS / 2, MUTANTS - 1);
      }
    }
  }

  private static byte[] mutate(byte[] original, Random random) {
    if (random.nextInt(10) == 0) {
      return Arrays.copyOf(original, random.nextInt(original.length));
    }
    byte[] mutant = original.clone();
    for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
      int at = random.nextInt(mutant.length);
      boolean any = random.nextBoolean();
      mutant[at] = (byte) (any ? random.nextInt() : mutant[at] ^ 1 << random.nextInt(8));
    }
    return mutant;
  }

  @Test
  void create_withOtherWeightsThanTheGraphs_namesThem() {
    NetworkConfig.Graph config = NetworkConfig.Graph.fromJson(json(), warning -> {});
    assertRefused(
        new NetworkConfig.Graph(
            config.sampleShape(), Map.of("w", List.of(6L, 6L)), config.definition()),
        "graph must have the weights w but has bias, gain, w");
    assertRefused(
        new NetworkConfig.Graph(
            config.sampleShape(), Map.of("w", List.of(1L << 30, 1L << 30)), config.definition()),
        "weights must fit into ");
  }

  @Test
  void config_ofAGraphThatIsTooLarge_saysWhatToDo() {
    SameDiff graph = OwnGraphs.everything().get();
    INDArray table = Nd4j.zeros(DataType.FLOAT, 4_000_000);
    graph.constant("table", table);
    try (SameDiffDenoiser model = denoiser(graph, 6)) {
      assertThatIllegalArgumentException()
          .isThrownBy(model::config)
          .withMessageStartingWith("graph must have at most 14000000 bytes without its weights")
          .withMessageEndingWith("large constants may be variables");
    }
  }
}
