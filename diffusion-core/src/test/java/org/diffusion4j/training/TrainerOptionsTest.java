package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Trainer.TrainingException;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.training.DiffusionTrainer.Builder;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;

/** What a trainer can be asked for beside the plain descent. */
class TrainerOptionsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(50);

  private static SampleIterator data(int samples, int batch) {
    double[][] rows = new double[samples][2];
    for (int i = 0; i < samples; i++) {
      rows[i][0] = (float) Math.sin(i);
      rows[i][1] = (float) Math.cos(3 * i);
    }
    return SampleIterator.of(SampleSource.ofVectors(rows), batch).build();
  }

  private static Mlp mlp() {
    return Mlp.create(new Mlp.Config(2, 8, 1), SCHEDULE, 1);
  }

  private static UNet conditional(boolean nullClass, double dropout) {
    UNetConfig config =
        UNetConfig.builder(1, 4, 4)
            .blockOutChannels(4)
            .downBlocks(Block.PLAIN)
            .layersPerBlock(1)
            .normGroups(2)
            .midAttention(false)
            .classes(3)
            .nullClass(nullClass)
            .dropout(dropout)
            .build();
    return UNet.create(config, SCHEDULE, 1);
  }

  private static Map<String, INDArray> copy(SameDiffDenoiser model) {
    Map<String, INDArray> copy = new LinkedHashMap<>();
    model.parameters().forEach((name, p) -> copy.put(name, p.dup()));
    return copy;
  }

  private static Map<String, INDArray> trained(
      int batch, int steps, UnaryOperator<Builder> settings) {
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            settings.apply(DiffusionTrainer.builder(model).seed(4)).build()) {
      trainer.train(data(24, batch), steps);
      return copy(model);
    }
  }

  @Test
  void accumulation_isTheLargeBatch() {
    UnaryOperator<Builder> sgd = b -> b.optimizer(Optimizer.of(new Sgd(0.1)));
    Map<String, INDArray> large = trained(24, 3, sgd);
    Map<String, INDArray> pieces = trained(6, 3, b -> sgd.apply(b).accumulation(4));
    Map<String, INDArray> unequal = trained(10, 3, b -> sgd.apply(b).accumulation(3));
    large.forEach(
        (name, p) -> {
          assertThat(p.distance2(pieces.get(name))).as(name).isLessThan(1e-5 * p.length());
          assertThat(p.distance2(unequal.get(name))).as(name).isLessThan(1e-5 * p.length());
        });
  }

  @Test
  void accumulation_withDropout_isTheLargeBatch() {
    INDArray images = Nd4j.linspace(-1, 1, 6 * 16, DataType.FLOAT).reshape(6, 1, 4, 4);
    INDArray labels = Nd4j.zeros(DataType.FLOAT, 6, 3);
    for (int i = 0; i < 6; i++) {
      labels.putScalar(i, i % 3, 1);
    }
    List<Double> losses = new ArrayList<>();
    for (int size : new int[] {6, 2}) {
      DataSet[] batches = new DataSet[6 / size];
      for (int i = 0; i < batches.length; i++) {
        batches[i] = new DataSet(rows(images, i * size, size), rows(labels, i * size, size));
      }
      try (UNet model = conditional(true, 0.4);
          DiffusionTrainer trainer =
              DiffusionTrainer.builder(model)
                  .accumulation(batches.length)
                  .labelDropout(0.5)
                  .seed(2)
                  .build()) {
        losses.add(trainer.train(new Batches(true, batches), 2).lastLoss());
      }
    }
    assertThat(losses.get(1)).isCloseTo(losses.get(0), within(1e-6));
  }

  private static INDArray rows(INDArray array, int first, int n) {
    return array.get(NDArrayIndex.interval(first, first + n)).dup();
  }

  @Test
  void dropout_changesTrainingAndIsReproducible() {
    INDArray images = Nd4j.linspace(-1, 1, 3 * 16, DataType.FLOAT).reshape(3, 1, 4, 4);
    DataSet batch = new DataSet(images, Nd4j.eye(3).castTo(DataType.FLOAT));
    List<Double> losses = new ArrayList<>();
    for (double dropout : new double[] {0, 0.5, 0.5}) {
      try (UNet model = conditional(false, dropout);
          DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
        losses.add(trainer.train(new Batches(true, batch), 3).lastLoss());
      }
    }
    assertThat(losses.get(1)).isNotEqualTo(losses.get(0)).isEqualTo(losses.get(2));
  }

  @Test
  void ema_isTheExponentialAverageWithItsWarmUp() {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).ema(0.6).build()) {
      Map<String, INDArray> expected = copy(model);
      trainer.train(
          data(24, 8),
          12,
          step -> {
            double keep = Math.min(0.6, (1.0 + step.index()) / (10.0 + step.index()));
            model
                .parameters()
                .forEach((name, p) -> expected.get(name).muli(keep).addi(p.mul(1 - keep)));
          });
      Map<String, INDArray> raw = copy(model);
      trainer.useAverage();
      model
          .parameters()
          .forEach(
              (name, p) -> {
                assertThat(p.distance2(expected.get(name))).as(name).isLessThan(1e-5);
                assertThat(p).isNotEqualTo(raw.get(name));
              });
    }
  }

  @Test
  void preview_showsTheAverageAndLeavesTheWeights() {
    List<Map<String, INDArray>> shown = new ArrayList<>();
    List<Long> at = new ArrayList<>();
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .ema(0.9)
                .preview(3, (m, step) -> shown.add(copy(m)))
                .build()) {
      trainer.train(
          data(24, 8),
          7,
          step -> {
            if (shown.size() > at.size()) {
              at.add(step.index());
            }
          });
      assertThat(shown).hasSize(2);
      assertThat(at).containsExactly(3L, 6L);
      Map<String, INDArray> raw = copy(model);
      assertThat(raw).isEqualTo(trained(8, 7, b -> b.seed(0)));
      assertThat(shown.get(1)).isNotEqualTo(raw);
    }
  }

  @Test
  void preview_thatIsInterrupted_endsTrainingAfterTheStep() {
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .preview(
                    2,
                    (m, step) -> {
                      Thread.currentThread().interrupt();
                      new DdimSampler(5).sample(m, 3).close();
                    })
                .build()) {
      assertThat(trainer.train(data(24, 8), 7).steps()).isEqualTo(2);
      assertThat(Thread.interrupted()).isTrue();
    } finally {
      Thread.interrupted();
    }
  }

  @Test
  void useAverage_inAPreview_refusesAndLeavesTheWeights() {
    AtomicReference<DiffusionTrainer> self = new AtomicReference<>();
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .ema(0.9)
                .preview(1, (m, step) -> self.get().useAverage())
                .build()) {
      self.set(trainer);
      assertThatIllegalStateException()
          .isThrownBy(() -> trainer.train(data(24, 8), 1))
          .withMessageStartingWith("checkpoints and the average must not be requested");
      assertThat(copy(model)).isEqualTo(trained(8, 1, b -> b.seed(0)));
    }
  }

  @Test
  void useAverage_withoutOne_refuses() {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      assertThatIllegalStateException()
          .isThrownBy(trainer::useAverage)
          .withMessage("the trainer averages no weights");
    }
  }

  @Test
  void validation_isOnTheSameNoiseEachTime() {
    List<Double> measured = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onStep(TrainingListener.Step step) {}

          @Override
          public void onValidation(long step, double loss) {
            assertThat(step % 2).isZero();
            measured.add(loss);
          }
        };
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .optimizer(Optimizer.of(new Sgd(0)))
                .validation(data(10, 4), 2)
                .build()) {
      trainer.train(data(24, 8), 6, listener);
    }
    assertThat(measured).hasSize(3).containsOnly(measured.get(0));
    List<Double> first = List.copyOf(measured);
    measured.clear();
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .optimizer(Optimizer.adam(1e-2))
                .validation(data(10, 4), 2)
                .seed(77)
                .build()) {
      trainer.train(data(24, 8), 100, listener);
    }
    assertThat(measured.get(49)).isLessThan(first.get(0));
  }

  @Test
  void onEpoch_givesTheMeanOfTheEpoch() {
    List<Double> losses = new ArrayList<>();
    List<Double> means = new ArrayList<>();
    try (Mlp model = mlp();
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      trainer.train(
          data(10, 4),
          7,
          new TrainingListener() {
            @Override
            public void onStep(TrainingListener.Step step) {
              losses.add(step.loss());
            }

            @Override
            public void onEpoch(int epoch, double meanLoss) {
              assertThat(epoch).isEqualTo(means.size());
              means.add(meanLoss);
            }
          });
    }
    assertThat(means).hasSize(2);
    for (int epoch = 0; epoch < 2; epoch++) {
      double mean =
          (4 * losses.get(3 * epoch)
                  + 4 * losses.get(3 * epoch + 1)
                  + 2 * losses.get(3 * epoch + 2))
              / 10;
      assertThat(means.get(epoch)).isCloseTo(mean, within(1e-9));
    }
  }

  @Test
  void onStep_tellsLossesByQuartileAndRates() {
    List<TrainingListener.Step> steps = new ArrayList<>();
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .optimizer(Optimizer.adam(LearningRates.linear(0.01, 10)))
                .build()) {
      trainer.train(data(24, 24), 10, steps::add);
    }
    TrainingListener.Step first = steps.get(0);
    assertThat(first.smoothedLoss()).isEqualTo(first.loss());
    assertThat(first.lossByQuartile()).hasSize(4).allMatch(loss -> loss > 0);
    assertThat(first.samplesPerSecond()).isPositive();
    assertThat(steps)
        .extracting(TrainingListener.Step::learningRate)
        .startsWith(0.01)
        .isSortedAccordingTo((a, b) -> Double.compare(b, a));
    double mean = steps.stream().mapToDouble(TrainingListener.Step::loss).average().orElseThrow();
    assertThat(steps.get(9).smoothedLoss()).isCloseTo(mean, within(1e-9));
  }

  private static double firstLoss(UnaryOperator<DiffusionTrainer.Builder> settings) {
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            settings.apply(DiffusionTrainer.builder(model).seed(3)).build()) {
      return trainer.train(data(24, 24), 1).firstLoss();
    }
  }

  @Test
  void offsetNoiseAndInputPerturbation_changeTheNoisySamples() {
    double plain = firstLoss(builder -> builder);
    double offset = firstLoss(builder -> builder.offsetNoise(0.5));
    double perturbed = firstLoss(builder -> builder.inputPerturbation(0.5));

    assertThat(firstLoss(builder -> builder.offsetNoise(0).inputPerturbation(0))).isEqualTo(plain);
    assertThat(List.of(offset, perturbed)).doesNotContain(plain).doesNotHaveDuplicates();
    assertThat(firstLoss(builder -> builder.offsetNoise(0.5).inputPerturbation(0.5)))
        .isEqualTo(firstLoss(builder -> builder.inputPerturbation(0.5).offsetNoise(0.5)))
        .isNotIn(plain, offset, perturbed);
  }

  @Test
  void labelDropout_makesThatShareUnlabelled() {
    INDArray images = Nd4j.zeros(DataType.FLOAT, 1000, 1, 4, 4);
    INDArray labels = Nd4j.zeros(DataType.FLOAT, 1000, 3);
    labels.getColumn(1).assign(1);
    try (UNet model = conditional(true, 0);
        Batch batch = new Batch(new DataSet(images, labels), model)) {
      int dropped = 0;
      for (int label : batch.withDropout(batch.condition, 0.3, Draws.at(1, 2)).labels()) {
        dropped += label == Condition.UNLABELLED ? 1 : 0;
        assertThat(label).isIn(1, Condition.UNLABELLED);
      }
      assertThat(dropped).isBetween(250, 350);
      assertThat(batch.withDropout(batch.condition, 0, Draws.at(1, 2))).isEqualTo(batch.condition);
    }
  }

  @Test
  void aRowWithoutALabel_isUnlabelled() {
    INDArray images = Nd4j.zeros(DataType.FLOAT, 2, 1, 4, 4);
    INDArray labels = Nd4j.createFromArray(new float[][] {{0, 0, 1}, {0, 0, 0}});
    try (UNet model = conditional(true, 0);
        Batch batch = new Batch(new DataSet(images, labels), model)) {
      assertThat(batch.condition).isEqualTo(Condition.labels(2, Condition.UNLABELLED));
    }
    try (UNet model = conditional(false, 0)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Batch(new DataSet(images, labels), model))
          .withMessage(
              "labels must be one-hot for a model without a null class but sample 1 has none");
    }
  }

  @Test
  void labelDropout_withoutANullClass_refuses() {
    try (UNet model = conditional(false, 0)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DiffusionTrainer.builder(model).labelDropout(0.1).build())
          .withMessage("label dropout must be 0 for a model without a null class but was 0.1");
    }
  }

  @Test
  void loss_thatDoesNotFitTheModel_refuses() {
    try (Mlp model = mlp()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DiffusionTrainer.builder(model).loss(Loss.hybrid()).build())
          .withMessageContaining("hybrid");
    }
  }

  @Test
  void aLossThatIsNotFinite_isToldWithStepBatchAndRate() {
    DataSet good = new DataSet(Nd4j.ones(DataType.FLOAT, 2, 2), null);
    DataSet bad =
        new DataSet(Nd4j.valueArrayOf(new long[] {2, 2}, Float.NaN, DataType.FLOAT), null);
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).optimizer(Optimizer.adam(0.25)).build()) {
      assertThatExceptionOfType(TrainingException.class)
          .isThrownBy(() -> trainer.train(new Batches(true, good, good, bad), 5))
          .withMessageContaining("at step 2, batch 2 of epoch 0, learning rate 0.25");
      assertThatIllegalStateException()
          .isThrownBy(trainer::checkpoint)
          .withMessage("a checkpoint must be of a completed step but step 2 failed");
    }
  }

  @Test
  void decay_ofMatricesOnly_leavesNormsAndBiases() {
    INDArray matrix = Nd4j.ones(DataType.FLOAT, 2, 2);
    INDArray vector = Nd4j.ones(DataType.FLOAT, 2);
    Optimizer rule = Optimizer.adamW(0.1, 0.5).withDecayOfMatricesOnly();
    try (Optimizer.Run run = rule.start(Map.of("m", matrix, "v", vector))) {
      run.step(Map.of("m", Nd4j.zeros(DataType.FLOAT, 2, 2), "v", Nd4j.zeros(DataType.FLOAT, 2)));
    }
    assertThat(matrix.getFloat(0)).isCloseTo(0.95f, within(1e-6f));
    assertThat(vector.getFloat(0)).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({"0, 0.2", "4, 1", "9, 0.91", "55, 0.09", "60, 0", "100, 0"})
  void linear_afterItsWarmUp_falls(int step, double share) {
    double rate = LearningRates.warmUp(5, LearningRates.linear(2, 60)).valueAt(step, 0);
    double plain = 2 * (1 - Math.min(step, 60) / 60.0);
    assertThat(rate).isCloseTo(plain * Math.min(1, (step + 1) / 5.0), within(1e-12));
    assertThat(rate / 2).isCloseTo(share, within(0.07));
  }

  @Test
  void cosine_fallsFromAllToNothing() {
    assertThat(LearningRates.cosine(3, 100).valueAt(0, 0)).isEqualTo(3);
    assertThat(LearningRates.cosine(3, 100).valueAt(50, 0)).isCloseTo(1.5, within(1e-12));
    assertThat(LearningRates.cosine(3, 100).valueAt(25, 0))
        .isCloseTo(1.5 * (1 + Math.sqrt(0.5)), within(1e-12));
    assertThat(LearningRates.cosine(3, 100).valueAt(100, 0)).isZero();
    assertThat(LearningRates.cosine(3, 100).valueAt(900, 0)).isZero();
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1, -0.5, Double.NaN})
  void ema_outOfRange_refuses(double decay) {
    try (Mlp model = mlp()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DiffusionTrainer.builder(model).ema(decay))
          .withMessage("ema decay must be in (0, 1) but was " + decay);
    }
  }
}
