package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Optimizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.adapter.SingletonDataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class MlpConditionsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.cosine(100);
  private static final Mlp.Config BOTH =
      new Mlp.Config(3, 8, 2).withClasses(2, true).withEmbeddings(4);

  private static INDArray gaussian(int seed, long... shape) {
    return PlanAndSession.gaussian(new Random(seed), shape);
  }

  private static SameDiff graph(DataType type) {
    return Mlp.graph(BOTH, new Layers(5, type));
  }

  private static Map<String, INDArray> inputs(int n) {
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    inputs.put(Graphs.SAMPLE, gaussian(1, n, 3));
    inputs.put(Graphs.TIMESTEP, PlanAndSession.times(new Random(2), n));
    INDArray labels = Nd4j.zeros(n, 3);
    for (int i = 0; i < n; i++) {
      labels.putScalar(i, i % 3, 1);
    }
    inputs.put(Graphs.CLASS, labels);
    inputs.put(Graphs.EMBEDDINGS, gaussian(3, n, 1, 4));
    return inputs;
  }

  @Test
  void plan_ofLabelsAndEmbeddings_givesWhatTheSessionGives() {
    for (int n : new int[] {1, 7}) {
      try (PlanAndSession both = new PlanAndSession(() -> graph(DataType.FLOAT), 1)) {
        both.compareOutputs(inputs(n), n, 3);
        both.compareGradients(inputs(n), gaussian(4, n, 3));
        assertThat(both.plan.isPlanned()).isTrue();
      }
    }
  }

  @Test
  void gradients_ofLabelsAndEmbeddings_areThoseOfFiniteDifferences() {
    int n = 6;
    SameDiff graph = graph(DataType.DOUBLE);
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    inputs(n).forEach((name, array) -> inputs.put(name, array.castTo(DataType.DOUBLE)));
    SDVariable output = graph.getVariable(Graphs.OUTPUT);
    output.mul(output).sum().rename("squares");
    graph.setLossVariables("squares");
    List<String> names = new ArrayList<>(BOTH.weightShapes().keySet());
    Map<String, INDArray> gradients = graph.calculateGradients(inputs, names);
    for (String name : names) {
      INDArray values = graph.getVariable(name).getArr();
      INDArray direction = gaussian(9, values.shape()).castTo(DataType.DOUBLE);
      direction.divi(direction.norm2Number().doubleValue());
      double step = 1e-5;
      values.addi(direction.mul(step));
      double above = graph.outputSingle(inputs, "squares").getDouble(0);
      values.subi(direction.mul(2 * step));
      double below = graph.outputSingle(inputs, "squares").getDouble(0);
      values.addi(direction.mul(step));
      double difference = (above - below) / (2 * step);
      assertThat(gradients.get(name).mul(direction).sumNumber().doubleValue())
          .as(name)
          .isCloseTo(difference, within(1e-6 * Math.abs(difference) + 1e-7));
      assertThat(gradients.get(name).norm2Number().doubleValue()).as(name).isGreaterThan(1e-4);
    }
  }

  @Test
  void predict_withMaskedTokens_isThatOfTheMeanOfTheOthers() {
    INDArray x = gaussian(1, 1, 3);
    INDArray t = Nd4j.createFromArray(20f);
    INDArray tokens = gaussian(2, 1, 3, 4);
    INDArray mask = Nd4j.createFromArray(new float[][] {{1, 0, 1}});
    INDArray mean =
        tokens.get(NDArrayIndex.all(), NDArrayIndex.indices(0, 2)).mean(true, 1).reshape(1, 1, 4);
    INDArray nothing = Nd4j.zeros(1, 3);
    try (Mlp model = Mlp.create(new Mlp.Config(3, 8, 2).withEmbeddings(4), SCHEDULE, 3)) {
      INDArray masked = model.predict(x, t, Condition.embeddings(tokens, mask, null));
      INDArray averaged = model.predict(x, t, Condition.embeddings(mean));
      assertThat(masked.distance2(averaged)).isLessThan(1e-5);
      INDArray all = model.predict(x, t, Condition.embeddings(tokens));
      assertThat(all.distance2(averaged)).isGreaterThan(1e-3);
      INDArray none = model.predict(x, t, Condition.embeddings(tokens, nothing, null));
      INDArray zeros = model.predict(x, t, Condition.embeddings(Nd4j.zeros(1, 1, 4)));
      assertThat(none.distance2(zeros)).isLessThan(1e-6);
      assertThat(model.takes()).isEqualTo(Condition.Takes.nothing().withEmbeddings(4));
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> model.predict(x, t, Condition.embeddings(tokens, mask, Nd4j.zeros(1, 4))))
          .withMessageStartingWith("pooled embeddings must be null");
    }
  }

  @Test
  void predict_ofABatch_isEachSampleAlone() {
    int n = 5;
    INDArray x = gaussian(1, n, 3);
    INDArray t = Nd4j.createFromArray(0f, 20f, 40f, 60f, 99f);
    Condition condition =
        Condition.several(
            Condition.labels(0, 1, Condition.UNLABELLED, 1, 0),
            Condition.embeddings(gaussian(3, n, 2, 4)));
    try (Mlp model = Mlp.create(BOTH, SCHEDULE, 3)) {
      INDArray all = model.predict(x, t, condition);
      for (int i = 0; i < n; i++) {
        INDArray alone =
            model.predict(
                x.getRow(i, true).dup('c'),
                Nd4j.createFromArray(t.getFloat(i)),
                condition.slice(i, i + 1));
        assertThat(alone.distance2(all.getRow(i, true))).isLessThan(1e-5);
      }
    }
  }

  @Test
  void savedAndLoaded_predictsTheSame(@TempDir Path directory) throws Exception {
    INDArray x = gaussian(1, 2, 3);
    INDArray t = Nd4j.createFromArray(20f, 70f);
    Condition condition =
        Condition.several(
            Condition.labels(1, Condition.UNLABELLED), Condition.embeddings(gaussian(3, 2, 1, 4)));
    INDArray before;
    try (Mlp model = Mlp.create(BOTH, SCHEDULE, 3)) {
      before = model.predict(x, t, condition);
      PretrainedModel.of(model).save(directory.resolve("model"));
    }
    try (PretrainedModel loaded = PretrainedModel.load(directory.resolve("model"))) {
      assertThat(loaded.model().config()).isEqualTo(BOTH);
      assertThat(loaded.model().predict(x, t, condition)).isEqualTo(before);
    }
  }

  @Test
  void json_ofAnUnconditionalModel_isAsItWasWithoutConditions() {
    Mlp.Config plain = new Mlp.Config(3, 8, 2);
    assertThat(plain.toJson()).isEqualTo(Map.of("features", 3, "width", 8, "layers", 2));
    assertThat(Mlp.Config.fromJson(plain.toJson(), warning -> {})).isEqualTo(plain);
    assertThat(Mlp.Config.fromJson(BOTH.toJson(), warning -> {})).isEqualTo(BOTH);
  }

  /** Two classes at -0.5 and 0.5: after training, labels decide, and guidance sharpens. */
  @Test
  void training_withDroppedConditions_learnsThemAndTheirAbsence() {
    float[][] points = new float[64][1];
    float[][] labels = new float[64][3];
    for (int i = 0; i < points.length; i++) {
      points[i][0] = i % 2 - 0.5f;
      labels[i][i % 2] = 1;
      labels[i][2] = 1 - 2 * (i % 2);
    }
    Mlp.Config config = new Mlp.Config(1, 32, 2).withClasses(2, true).withEmbeddings(1);
    DataSet data = new DataSet(Nd4j.createFromArray(points), Nd4j.createFromArray(labels));
    try (Mlp model = Mlp.create(config, SCHEDULE, 3);
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .optimizer(Optimizer.adam(3e-3))
                .labelDropout(0.25)
                .build()) {
      trainer.train(new SingletonDataSetIterator(data), 300);
      INDArray x = Nd4j.zeros(DataType.FLOAT, 1, 1);
      INDArray t = Nd4j.createFromArray(60f);
      double[] noise = new double[3];
      for (int label = 0; label < 2; label++) {
        Condition condition =
            Condition.several(
                Condition.labels(label),
                Condition.embeddings(Nd4j.createFromArray(new float[][][] {{{1 - 2 * label}}})));
        noise[label] = model.predict(x, t, condition).getDouble(0);
      }
      Condition nothing =
          Condition.several(
              Condition.labels(Condition.UNLABELLED),
              Condition.embeddings(Nd4j.zeros(DataType.FLOAT, 1, 1, 1)));
      noise[2] = model.predict(x, t, nothing).getDouble(0);
      // x_t = 0 is signal x_0 + sigma noise: the noise is the signal's, with the other sign.
      double ratio = Math.sqrt(SCHEDULE.alphaBar(60) / (1 - SCHEDULE.alphaBar(60)));
      assertThat(noise[0]).isCloseTo(0.5 * ratio, within(0.15));
      assertThat(noise[1]).isCloseTo(-0.5 * ratio, within(0.15));
      assertThat(noise[2]).isCloseTo(0, within(0.15));

      Condition.Embeddings one =
          Condition.embeddings(Nd4j.createFromArray(new float[][][] {{{1}}}))
              .withUnconditional(Condition.embeddings(Nd4j.zeros(DataType.FLOAT, 1, 1, 1)));
      Condition first = Condition.several(Condition.labels(0), one);
      double guided = ClassifierFreeGuidance.of(model, 3).predict(x, t, first).getDouble(0);
      assertThat(guided).isCloseTo(noise[2] + 3 * (noise[0] - noise[2]), within(1e-4));
    }
  }

  @Test
  void config_thatDoesNotFit_isRefusedWithValueAndLimit() {
    Mlp.Config plain = new Mlp.Config(3, 8, 2);
    refused(() -> plain.withClasses(-1, false), "classes must be in [0, 2^31 - 2] but were -1");
    refused(
        () -> plain.withClasses(0, true),
        "a null class must have classes beside it but there are 0");
    refused(
        () -> plain.withClasses(Integer.MAX_VALUE, true),
        "classes must be in [0, 2^31 - 2] but were 2147483647");
    refused(() -> plain.withEmbeddings(-1), "embedding width must be at least 0 but was -1");
  }

  @Test
  void training_withLabelsOfAnotherWidth_isRefused() {
    DataSet data = new DataSet(Nd4j.zeros(2, 3), Nd4j.zeros(2, 5));
    try (Mlp model = Mlp.create(BOTH, SCHEDULE, 3);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      refused(
          () -> trainer.train(new SingletonDataSetIterator(data), 1),
          "labels must be 2 one-hot values followed by embeddings of width 4, [n, 6], but were [2,"
              + " 5]");
    }
  }

  private static void refused(Runnable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call::run).withMessage(message);
  }
}
