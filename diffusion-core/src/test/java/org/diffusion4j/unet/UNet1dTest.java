package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Grid;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.pretrained.PretrainedModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class UNet1dTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.cosine(100);

  @Property(tries = 10, seed = "1", shrinking = ShrinkingMode.OFF)
  void plan_ofAnySmallNetwork_givesWhatTheSessionGives(
      @ForAll("configs") UNet1d.Config config, @ForAll @IntRange(min = 1, max = 5) int n) {
    Random random = new Random(n);
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    long[] shape = {n, config.channels(), config.length()};
    inputs.put(Graphs.SAMPLE, PlanAndSession.gaussian(random, shape));
    inputs.put(Graphs.TIMESTEP, PlanAndSession.times(random, n));
    if (config.classes() > 0) {
      INDArray labels = Nd4j.zeros(n, config.classes() + (config.nullClass() ? 1 : 0));
      for (int i = 0; i < n; i++) {
        labels.putScalar(i, random.nextInt((int) labels.size(1)), 1);
      }
      inputs.put(Graphs.CLASS, labels);
    }
    try (PlanAndSession both =
        new PlanAndSession(() -> UNetGraph.build(config.parts(), new Layers(Grid.LINE, 1)), 2)) {
      both.compareOutputs(inputs, shape);
      both.compareGradients(inputs, PlanAndSession.gaussian(random, shape));
      assertThat(both.plan.isPlanned()).isTrue();
    }
  }

  @Provide
  Arbitrary<UNet1d.Config> configs() {
    return Combinators.combine(
            Arbitraries.integers().between(1, 3),
            Arbitraries.of(8, 12, 16, 20),
            Arbitraries.of(4, 8, 20).list().ofMinSize(1).ofMaxSize(3),
            Arbitraries.integers().between(1, 2),
            Arbitraries.integers().between(0, 1),
            Arbitraries.of(0, 3),
            Arbitraries.of(true, false))
        .as(
            (channels, length, widths, layers, attention, classes, nullClass) ->
                new UNet1d.Config(
                    channels,
                    length,
                    widths,
                    layers,
                    2,
                    attention,
                    classes,
                    nullClass && classes > 0,
                    0));
  }

  private static UNet1d.Config small() {
    return UNet1d.Config.of(2, 12, 8, 16, 8).withClasses(2, true);
  }

  private static UNet1d network(UNet1d.Config config) {
    return UNet1d.create(config, SCHEDULE, Prediction.VELOCITY, 5);
  }

  @Test
  void predict_ofABatch_isBitEqualToEachSampleAlone() {
    int n = 9;
    INDArray x = PlanAndSession.gaussian(new Random(1), n, 2, 12);
    float[] times = new float[n];
    int[] labels = new int[n];
    for (int i = 0; i < n; i++) {
      times[i] = 11 * i;
      labels[i] = i % 3 - 1;
    }
    try (UNet1d model = network(small())) {
      INDArray all = model.predict(x, Nd4j.createFromArray(times), Condition.labels(labels));
      assertThat(all.shape()).containsExactly(n, 2, 12);
      for (int i = 0; i < n; i++) {
        INDArray alone =
            model.predict(
                x.get(NDArrayIndex.interval(i, i + 1)).dup('c').reshape(1, 2, 12),
                Nd4j.createFromArray(times[i]),
                Condition.labels(labels[i]));
        assertThat(alone.reshape(2, 12)).isEqualTo(all.slice(i).dup('c'));
      }
      assertThat(model.predictionBytes(4)).as("it runs as a plan").isPresent();
    }
  }

  @Test
  void predict_withLabels_dependsOnThemAndTheirAbsence() {
    INDArray x = PlanAndSession.gaussian(new Random(2), 1, 2, 12);
    INDArray t = Nd4j.createFromArray(50f);
    try (UNet1d model = network(small())) {
      List<INDArray> outputs = new ArrayList<>();
      for (int label : new int[] {0, 1, Condition.UNLABELLED}) {
        outputs.add(model.predict(x, t, Condition.labels(label)));
      }
      assertThat(outputs.get(0)).isNotEqualTo(outputs.get(1));
      assertThat(outputs.get(0)).isNotEqualTo(outputs.get(2));
      assertThat(model.predict(x, t, Condition.none())).isEqualTo(outputs.get(2));
      assertThat(model.takes()).isEqualTo(Condition.Takes.labels(2, true));
    }
  }

  @Test
  void weightShapes_areThoseOfTheGraphInItsOrder() {
    for (UNet1d.Config config :
        List.of(small(), small().withAttentionLevels(0), small().withAttentionLevels(3))) {
      Layers layers = new Layers(Grid.LINE, 1);
      UNetGraph.build(config.parts(), layers);
      Map<String, long[]> shapes = config.weightShapes();
      assertThat(List.copyOf(shapes.keySet())).isEqualTo(List.copyOf(layers.shapes().keySet()));
      layers.shapes().forEach((name, shape) -> assertThat(shapes.get(name)).isEqualTo(shape));
      assertThat(shapes.get("conv_in.weight")).containsExactly(1, 3, 2, 8);
    }
  }

  @Test
  void savedAndLoaded_predictsTheSame(@TempDir Path directory) throws Exception {
    UNet1d.Config config = small().withDropout(0.1).withLayersPerBlock(1);
    INDArray x = PlanAndSession.gaussian(new Random(3), 1, 2, 12);
    INDArray t = Nd4j.createFromArray(7f);
    INDArray before;
    try (UNet1d model = network(config)) {
      before = model.predict(x, t, Condition.labels(1));
      PretrainedModel.of(model).save(directory.resolve("model"));
    }
    try (PretrainedModel loaded = PretrainedModel.load(directory.resolve("model"))) {
      assertThat(loaded.model()).isInstanceOf(UNet1d.class);
      assertThat(loaded.model().config()).isEqualTo(config);
      assertThat(loaded.model().prediction()).isEqualTo(Prediction.VELOCITY);
      assertThat(loaded.model().predict(x, t, Condition.labels(1))).isEqualTo(before);
    }
  }

  @Test
  void json_readAgain_isTheSameConfiguration() {
    UNet1d.Config config = small().withDropout(0.25).withAttentionLevels(2).withNormGroups(4);
    List<String> warnings = new ArrayList<>();
    assertThat(UNet1d.Config.fromJson(config.toJson(), warnings::add)).isEqualTo(config);
    assertThat(warnings).isEmpty();
    Map<String, Object> json = new TreeMap<>(config.toJson());
    json.remove("length");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> UNet1d.Config.fromJson(json, warnings::add))
        .withMessage("length must be a whole number but was null");
  }

  @Test
  void config_thatDoesNotFit_isRefusedWithValueAndLimit() {
    refused(() -> UNet1d.Config.of(0, 8, 8), "channels must be positive but was 0");
    refused(() -> UNet1d.Config.of(1, 0, 8), "length must be in [1, 1048576] but was 0");
    refused(
        () -> UNet1d.Config.of(1, 30, 8, 8, 8),
        "length must be divisible by 4 for 3 levels but was 30; 28 or 32 would do");
    refused(
        () -> UNet1d.Config.of(1, 3, 8, 8, 8),
        "length must be divisible by 4 for 3 levels but was 3; 4 would do");
    refused(
        () -> UNet1d.Config.of(1, 8, 12).withNormGroups(8),
        "norm groups must divide the channels of every level but 8 does not divide 12");
    refused(() -> UNet1d.Config.of(1, 8), "block out channels must name at least one level");
    refused(() -> small().withAttentionLevels(4), "attention levels must be in [0, 3] but were 4");
    refused(() -> small().withClasses(-1, false), "classes must be in [0, 2^31 - 2] but were -1");
    refused(
        () -> small().withClasses(0, true),
        "a null class must have classes beside it but there are 0");
    refused(() -> small().withDropout(1), "dropout must be in [0, 1) but was 1.0");
    refused(() -> network(UNet1d.Config.of(1, 8, 65536, 65536)), "weights must fit into the ");
  }

  private static void refused(Runnable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call::run).withMessageStartingWith(message);
  }
}
