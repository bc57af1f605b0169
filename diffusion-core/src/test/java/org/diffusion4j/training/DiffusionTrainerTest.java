package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Trainer;
import org.diffusion4j.Trainer.TrainingException;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.memory.conf.WorkspaceConfiguration;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.ViewIterator;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

class DiffusionTrainerTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100, 1e-4, 0.02);

  /** Two narrow Gaussians at -2 and 2, in batches of 32. */
  private static DataSetIterator twoGaussians() {
    Random random = new Random(5);
    float[] values = new float[128];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) ((i % 2 == 0 ? -2 : 2) + 0.1 * random.nextGaussian());
    }
    DataSet[] batches = new DataSet[4];
    for (int i = 0; i < 4; i++) {
      float[] batch = Arrays.copyOfRange(values, 32 * i, 32 * (i + 1));
      batches[i] = unlabelled(Nd4j.create(batch, new long[] {32, 1}, 'c'));
    }
    return new Batches(true, batches);
  }

  private static DataSet unlabelled(INDArray features) {
    return new DataSet(features, null);
  }

  private static Mlp mlp(Prediction prediction) {
    return Mlp.create(new Mlp.Config(1, 16, 1), SCHEDULE, prediction, 1);
  }

  private static UNet unet(UNetConfig.Builder builder) {
    UNetConfig config =
        builder
            .blockOutChannels(2)
            .downBlocks(Block.PLAIN)
            .layersPerBlock(1)
            .normGroups(1)
            .midAttention(false)
            .build();
    return UNet.create(config, SCHEDULE, 1);
  }

  private static List<TrainingListener.Step> train(long seed, int steps) {
    List<TrainingListener.Step> seen = new ArrayList<>();
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).optimizer(Optimizer.adam(1e-2)).seed(seed).build()) {
      trainer.train(twoGaussians(), steps, seen::add);
    }
    return seen;
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void train_onTwoGaussians_learnsAnyTarget(Prediction prediction) {
    try (Mlp model = mlp(prediction);
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).optimizer(Optimizer.adam(1e-2)).build()) {
      List<TrainingListener.Step> steps = new ArrayList<>();
      Trainer.Report report = trainer.train(twoGaussians(), 250, steps::add);
      double before =
          steps.stream().limit(10).mapToDouble(TrainingListener.Step::loss).average().orElseThrow();
      assertThat(report.meanLoss()).isLessThan(before / 2);
    }
  }

  @Test
  void train_twiceWithOneSeed_givesTheSameLossesBitForBit() {
    assertThat(untimed(train(3, 20))).isEqualTo(untimed(train(3, 20)));
  }

  /** Steps with all but how fast they were. */
  private static List<TrainingListener.Step> untimed(List<TrainingListener.Step> steps) {
    return steps.stream()
        .map(
            s ->
                new TrainingListener.Step(
                    s.index(),
                    s.epoch(),
                    s.batchSize(),
                    s.loss(),
                    s.smoothedLoss(),
                    s.lossByQuartile(),
                    s.gradientNorm(),
                    s.learningRate(),
                    1))
        .toList();
  }

  @Test
  void train_withAnotherSeed_givesOtherLosses() {
    List<TrainingListener.Step> one = train(3, 5);
    List<TrainingListener.Step> other = train(4, 5);
    for (int i = 0; i < 5; i++) {
      assertThat(one.get(i).loss()).isNotEqualTo(other.get(i).loss());
    }
  }

  @Test
  void train_inTwoCalls_isTrainingInOne() {
    List<TrainingListener.Step> once = train(3, 8);
    List<TrainingListener.Step> twice = new ArrayList<>();
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).optimizer(Optimizer.adam(1e-2)).seed(3).build()) {
      DataSetIterator data = twoGaussians();
      trainer.train(data, 3, twice::add);
      trainer.train(data, 5, twice::add);
    }
    assertThat(untimed(twice)).isEqualTo(untimed(once));
  }

  @Test
  void train_overSeveralEpochs_countsThem() {
    List<TrainingListener.Step> steps = train(0, 10);
    assertThat(steps)
        .extracting(TrainingListener.Step::index)
        .containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L);
    assertThat(steps)
        .extracting(TrainingListener.Step::epoch)
        .containsExactly(0, 0, 0, 0, 1, 1, 1, 1, 2, 2);
    assertThat(steps).extracting(TrainingListener.Step::batchSize).containsOnly(32);
  }

  @Test
  void train_whenDone_reportsWhatTheListenerSaw() {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      Map<String, INDArray> before = copy(model);
      List<Double> losses = new ArrayList<>();
      DataSet four = unlabelled(Nd4j.ones(DataType.FLOAT, 4, 1));
      DataSet two = unlabelled(Nd4j.ones(DataType.FLOAT, 2, 1));
      DataSetIterator data = new Batches(true, four, four, two);
      long start = System.nanoTime();
      Trainer.Report report = trainer.train(data, 25, step -> losses.add(step.loss()));
      long elapsed = System.nanoTime() - start;
      assertThat(report.steps()).isEqualTo(25).isEqualTo(losses.size());
      // Batches of 4, 4 and 2, eight times, and 4 more.
      assertThat(report.samples()).isEqualTo(8 * 10 + 4);
      assertThat(report.firstLoss()).isEqualTo(losses.get(0));
      assertThat(report.lastLoss()).isEqualTo(losses.get(24));
      assertThat(report.meanLoss()).isCloseTo((losses.get(23) + losses.get(24)) / 2, within(1e-12));
      assertThat(report.duration().toNanos()).isPositive().isLessThanOrEqualTo(elapsed);
      model
          .parameters()
          .forEach((name, p) -> assertThat(p).as(name).isNotEqualTo(before.get(name)));
    }
  }

  @Test
  void train_onNd4jsOwnIterator_countsItsEpochs() {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      INDArray features = Nd4j.ones(DataType.FLOAT, 12, 1);
      DataSet all = new DataSet(features, Nd4j.zeros(DataType.FLOAT, 12, 1));
      List<Integer> epochs = new ArrayList<>();
      Trainer.Report report =
          trainer.train(new ViewIterator(all, 4), 7, step -> epochs.add(step.epoch()));
      assertThat(report.samples()).isEqualTo(28);
      assertThat(epochs).containsExactly(0, 0, 0, 1, 1, 1, 2);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1})
  void train_forNoSteps_refuses(int steps) {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(twoGaussians(), steps))
          .withMessage("steps must be at least 1 but was " + steps);
    }
  }

  @Test
  void train_whenTheListenerThrows_passesItOn() {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      IllegalStateException stop = new IllegalStateException("enough");
      assertThatIllegalStateException()
          .isThrownBy(
              () ->
                  trainer.train(
                      twoGaussians(),
                      5,
                      step -> {
                        if (step.index() == 2) {
                          throw stop;
                        }
                      }))
          .isSameAs(stop);
    }
  }

  @Test
  void train_onNotANumber_failsAtItsStepWithTheWeightsBefore() {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      DataSet good = unlabelled(Nd4j.ones(DataType.FLOAT, 4, 1));
      DataSet bad = unlabelled(Nd4j.createFromArray(1f, Float.NaN).reshape(2, 1));
      Map<String, INDArray> before = new HashMap<>();
      assertThatExceptionOfType(TrainingException.class)
          .isThrownBy(
              () ->
                  trainer.train(
                      new Batches(true, good, good, bad),
                      6,
                      step -> {
                        if (step.index() == 0) {
                          before.putAll(copy(model));
                        }
                      }))
          .withMessageContaining("must be finite but were NaN")
          .withMessageContaining("at step 2")
          .satisfies(e -> assertThat(e.step()).isEqualTo(2));
      // Step 1 had the loss of the weights that step 0 made.
      model.parameters().forEach((name, p) -> assertThat(p).as(name).isEqualTo(before.get(name)));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void train_withAnAbsurdLearningRate_failsWithFiniteWeights(boolean own) {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .optimizer(own ? Optimizer.adam(1e30) : Optimizer.of(new Sgd(1e30)))
                .build()) {
      Map<String, INDArray> before = copy(model);
      assertThatExceptionOfType(TrainingException.class)
          .isThrownBy(() -> trainer.train(twoGaussians(), 50))
          .satisfies(e -> assertThat(e.step()).isEqualTo(1));
      model.parameters().forEach((name, p) -> assertThat(p).as(name).isEqualTo(before.get(name)));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e-3, 0.3, 1e9})
  void step_withAMaximumNorm_clipsAsPyTorchDoes(double limit) {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .optimizer(Optimizer.of(new Sgd(1)))
                .maxGradientNorm(limit)
                .build()) {
      INDArray clean = Nd4j.createFromArray(2f, -2f, 1f).reshape(3, 1);
      INDArray noise = Nd4j.createFromArray(0.5f, -1f, 2f).reshape(3, 1);
      int[] t = {0, 50, 99};
      INDArray xt = new ForwardProcess(SCHEDULE).noisy(clean, noise, t);
      Map<String, INDArray> before = copy(model);
      try (Gradients gradients =
          model.gradients(xt, Nd4j.createFromArray(0f, 50f, 99f), Condition.none(), noise)) {
        double squares = 0;
        for (INDArray gradient : gradients.of().values()) {
          for (double g : gradient.dup('c').data().asDouble()) {
            squares += g * g;
          }
        }
        double norm = Math.sqrt(squares);
        double factor = Math.min(1, limit / (norm + 1e-6));

        TrainingListener.Step step = trainer.step(clean, Condition.none(), t, noise);

        assertThat(step.gradientNorm()).isCloseTo(norm, within(1e-5 * norm));
        model
            .parameters()
            .forEach(
                (name, p) ->
                    assertThat(
                            p.add(gradients.of().get(name).mul(factor)).distance2(before.get(name)))
                        .as(name)
                        .isLessThan(1e-5));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN})
  void maxGradientNorm_thatIsNotPositive_refuses(double norm) {
    try (Mlp model = mlp(Prediction.EPSILON)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DiffusionTrainer.builder(model).maxGradientNorm(norm))
          .withMessage("max gradient norm must be positive but was " + norm);
    }
  }

  @Test
  void train_onRowsOrDoubles_isTrainingOnImages() {
    INDArray images = Nd4j.linspace(-1, 1, 4 * 16, DataType.FLOAT).reshape(4, 1, 4, 4);
    double expected = firstLoss(unet(UNetConfig.builder(1, 4, 4)), images, null);
    assertThat(firstLoss(unet(UNetConfig.builder(1, 4, 4)), images.reshape(4, 16), null))
        .isEqualTo(expected);
    assertThat(firstLoss(unet(UNetConfig.builder(1, 4, 4)), images.castTo(DataType.DOUBLE), null))
        .isEqualTo(expected);
    assertThat(firstLoss(unet(UNetConfig.builder(1, 4, 4)), images.dup('f'), null))
        .isEqualTo(expected);
  }

  private static double firstLoss(SameDiffDenoiser model, INDArray features, INDArray labels) {
    try (model;
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      INDArray before = features.dup();
      double loss = trainer.train(one(new DataSet(features, labels)), 1).firstLoss();
      assertThat(features).isEqualTo(before);
      return loss;
    }
  }

  /** One batch as it is, however often it is asked for. */
  private static DataSetIterator one(DataSet batch) {
    return new Batches(true, batch);
  }

  @Test
  void train_onDataOfAnotherShapeOrType_namesBoth() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                firstLoss(
                    unet(UNetConfig.builder(1, 4, 4)),
                    Nd4j.zeros(DataType.FLOAT, 2, 1, 5, 4),
                    null))
        .withMessage(
            "a batch of data must be floating-point [n, 1, 4, 4] but was FLOAT [2, 1, 5, 4]; "
                + "ImageFolder.open(folder, 4, 4) scales images to it");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                firstLoss(
                    unet(UNetConfig.builder(1, 4, 4)),
                    Nd4j.zeros(DataType.FLOAT, 2, 3, 4, 4),
                    null))
        .withMessageEndingWith("; ImageFolder.Option.GRAYSCALE reads one channel");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                firstLoss(
                    unet(UNetConfig.builder(3, 4, 4)),
                    Nd4j.zeros(DataType.FLOAT, 2, 1, 4, 4),
                    null))
        .withMessageEndingWith("ImageFolder without Option.GRAYSCALE reads 3");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                firstLoss(
                    unet(UNetConfig.builder(1, 4, 4)), Nd4j.zeros(DataType.FLOAT, 2, 15), null))
        .withMessageContaining("but was FLOAT [2, 15]");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                firstLoss(
                    unet(UNetConfig.builder(1, 4, 4)),
                    Nd4j.zeros(DataType.INT32, 2, 1, 4, 4),
                    null))
        .withMessageContaining("but was INT");
  }

  @Test
  void train_onABatchWithoutFeatures_saysSo() {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(one(new DataSet()), 1))
          .withMessageContaining("but was missing");
    }
  }

  @Test
  void train_ofAClassConditionalModel_takesOneHotLabels() {
    INDArray images = Nd4j.linspace(-1, 1, 3 * 16, DataType.FLOAT).reshape(3, 1, 4, 4);
    double[] losses = new double[2];
    for (int shift = 0; shift < 2; shift++) {
      INDArray labels = Nd4j.zeros(DataType.FLOAT, 3, 4);
      for (int i = 0; i < 3; i++) {
        labels.putScalar(i, i + shift, 1);
      }
      losses[shift] = firstLoss(unet(UNetConfig.builder(1, 4, 4).classes(4)), images, labels);
    }
    assertThat(losses[0]).isFinite().isNotEqualTo(losses[1]);
  }

  @Test
  void train_withMissingOrWrongLabels_saysSo() {
    INDArray images = Nd4j.zeros(DataType.FLOAT, 2, 1, 4, 4);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> firstLoss(unet(UNetConfig.builder(1, 4, 4).classes(4)), images, null))
        .withMessage("labels must be one-hot [n, 4] but were missing");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                firstLoss(
                    unet(UNetConfig.builder(1, 4, 4).classes(4)),
                    images,
                    Nd4j.zeros(DataType.FLOAT, 2, 3)))
        .withMessage(
            "labels must be one-hot [n, 4] but were [2, 3]; withClassNames of IdxImages,"
                + " ImageFolder and DelimitedVectors names all classes of the model");
  }

  @Test
  void train_ofAModelThatNeedsEmbeddings_saysSoBeforeTheFirstStep() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("sample", DataType.FLOAT, -1, 1);
    graph.placeHolder("timestep", DataType.FLOAT, -1, 1);
    x.mmul("output", graph.var("w", Nd4j.ones(DataType.FLOAT, 1, 1)));
    List<TrainingListener.Step> steps = new ArrayList<>();
    try (SameDiffDenoiser model =
            new SameDiffDenoiser(graph, new long[] {1}, SCHEDULE, Prediction.EPSILON) {
              @Override
              public Condition.Takes takes() {
                return super.takes().withEmbeddings(4);
              }
            };
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(twoGaussians(), 3, steps::add))
          .withMessage("condition must have embeddings of width 4, which the model accepts");
    }
    assertThat(steps).isEmpty();
  }

  @Test
  void train_ofAnUnconditionalModel_ignoresLabels() {
    INDArray images = Nd4j.linspace(-1, 1, 2 * 16, DataType.FLOAT).reshape(2, 1, 4, 4);
    assertThat(
            firstLoss(
                unet(UNetConfig.builder(1, 4, 4)), images, Nd4j.eye(2).castTo(DataType.FLOAT)))
        .isEqualTo(firstLoss(unet(UNetConfig.builder(1, 4, 4)), images, null));
  }

  @Test
  void train_onNothing_saysSo() {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(new Batches(true), 1))
          .withMessage("data must hold at least one batch but is empty");
    }
  }

  @Test
  void train_onDataThatCannotBeBegunAnew_saysSo() {
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      DataSet batch = unlabelled(Nd4j.ones(DataType.FLOAT, 2, 1));
      DataSetIterator once = new Batches(false, batch, batch);
      List<TrainingListener.Step> steps = new ArrayList<>();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(once, 3, steps::add))
          .withMessage("data ended and cannot be reset");
      assertThat(steps).hasSize(2);
    }
  }

  @Test
  void close_twice_isClosingOnce() {
    try (Mlp model = mlp(Prediction.EPSILON)) {
      for (Optimizer rule : Arrays.asList(Optimizer.adam(1), Optimizer.of(new Sgd(1)))) {
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).optimizer(rule).build();
        trainer.close();
        trainer.close();
        assertThatIllegalStateException()
            .isThrownBy(() -> trainer.train(twoGaussians(), 1))
            .withMessage("the trainer is closed");
      }
    }
  }

  @Test
  void train_ofAModelWhoseClassesAreTimesteps_takesLabelsOfAnyWidth() {
    INDArray images = Nd4j.linspace(-1, 1, 2 * 16, DataType.FLOAT).reshape(2, 1, 4, 4);
    double[] losses = new double[2];
    for (int label = 0; label < 2; label++) {
      INDArray labels = Nd4j.zeros(DataType.FLOAT, 2, 5);
      labels.getColumn(3 * label).assign(1);
      losses[label] =
          firstLoss(
              unet(UNetConfig.builder(1, 4, 4).classEmbedding(ClassEmbedding.TIMESTEP)),
              images,
              labels);
    }
    assertThat(losses[0]).isFinite().isNotEqualTo(losses[1]);
  }

  private static Map<String, INDArray> copy(SameDiffDenoiser model) {
    Map<String, INDArray> copy = new HashMap<>();
    model.parameters().forEach((name, p) -> copy.put(name, p.dup()));
    return copy;
  }

  @Test
  void train_inAWorkspaceAndWithOtherDefaultTypes_isTheSame() {
    Map<String, INDArray> expected;
    try (Mlp model = mlp(Prediction.EPSILON);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).ema(0.9).build()) {
      trainer.train(twoGaussians(), 3);
      trainer.train(twoGaussians(), 2);
      trainer.useAverage();
      expected = copy(model);
    }
    DataType type = Nd4j.defaultFloatingPointType();
    WorkspaceConfiguration plan = WorkspaceConfiguration.builder().initialSize(10 << 20).build();
    Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
    try (Mlp model = mlp(Prediction.EPSILON)) {
      DiffusionTrainer trainer;
      try (MemoryWorkspace scope =
          Nd4j.getWorkspaceManager().getAndActivateWorkspace(plan, "of the application")) {
        trainer = DiffusionTrainer.builder(model).ema(0.9).build();
        trainer.train(twoGaussians(), 3);
      }
      try (MemoryWorkspace scope =
          Nd4j.getWorkspaceManager().getAndActivateWorkspace(plan, "of the application")) {
        Nd4j.ones(DataType.FLOAT, 100_000);
        trainer.train(twoGaussians(), 2);
        trainer.useAverage();
        model.parameters().values().forEach(p -> assertThat(p.isAttached()).isFalse());
      }
      trainer.close();
      assertThat(copy(model)).isEqualTo(expected);
    } finally {
      Nd4j.setDefaultDataTypes(type, type);
      Nd4j.getWorkspaceManager().destroyAllWorkspacesForCurrentThread();
    }
  }
}
