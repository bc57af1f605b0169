package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.diffusion4j.CancelToken;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.Trainer;
import org.diffusion4j.Trainer.TrainingException;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.training.DiffusionTrainer.Builder;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.learning.config.Nadam;

/** Training that stops and goes on is training that never stopped. */
class ResumeTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(50);
  private static final int STEPS = 23;

  /** Two epochs and a bit of the training: batches of 4, the last of an epoch of 2. */
  private static final int SAMPLES = 38;

  @TempDir Path directory;

  enum Data {
    SHUFFLED,
    PREFETCHED,
    REPLAYED
  }

  private static DataSetIterator data(Data kind, int samples) {
    double[][] rows = new double[samples][2];
    for (int i = 0; i < samples; i++) {
      rows[i][0] = (float) Math.sin(i);
      rows[i][1] = (float) Math.cos(3 * i);
    }
    SampleIterator shuffled = SampleIterator.of(SampleSource.ofVectors(rows), 4).shuffle(3).build();
    return switch (kind) {
      case SHUFFLED -> shuffled;
      case PREFETCHED -> shuffled.prefetched(3);
      case REPLAYED -> new Unseekable(shuffled);
    };
  }

  private static Mlp mlp() {
    return Mlp.create(new Mlp.Config(2, 8, 1), SCHEDULE, 1);
  }

  private Builder builder(SameDiffDenoiser model, UnaryOperator<Checkpoints> checkpoints) {
    return DiffusionTrainer.builder(model)
        .optimizer(Optimizer.adamW(LearningRates.warmUp(5, LearningRates.cosine(0.01, 40)), 0.01))
        .ema(0.9)
        .maxGradientNorm(1)
        .checkpoints(checkpoints.apply(Checkpoints.in(directory)))
        .seed(9);
  }

  private Builder builder(SameDiffDenoiser model) {
    return builder(model, c -> c.everySteps(5));
  }

  /** Weights, averages and losses after {@link #STEPS}. */
  private record Outcome(Map<String, INDArray> weights, Map<String, INDArray> average) {

    static Outcome of(SameDiffDenoiser model, DiffusionTrainer trainer) {
      Map<String, INDArray> weights = copy(model);
      trainer.useAverage();
      return new Outcome(weights, copy(model));
    }

    private static Map<String, INDArray> copy(SameDiffDenoiser model) {
      Map<String, INDArray> copy = new LinkedHashMap<>();
      model.parameters().forEach((name, p) -> copy.put(name, p.dup()));
      return copy;
    }

    void assertEquals(Outcome other) {
      weights.forEach((name, p) -> assertThat(equalBits(p, other.weights.get(name))).isTrue());
      average.forEach((name, p) -> assertThat(equalBits(p, other.average.get(name))).isTrue());
    }
  }

  static boolean equalBits(INDArray a, INDArray b) {
    int[] left = bits(a);
    int[] right = bits(b);
    return Arrays.equals(left, right);
  }

  private static int[] bits(INDArray array) {
    float[] values = array.dup('c').data().asFloat();
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  private static Outcome undisturbed(UnaryOperator<Builder> settings) {
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            settings
                .apply(
                    DiffusionTrainer.builder(model)
                        .optimizer(
                            Optimizer.adamW(
                                LearningRates.warmUp(5, LearningRates.cosine(0.01, 40)), 0.01))
                        .ema(0.9)
                        .maxGradientNorm(1)
                        .seed(9))
                .build()) {
      trainer.train(data(Data.SHUFFLED, SAMPLES), STEPS);
      return Outcome.of(model, trainer);
    }
  }

  @ParameterizedTest
  @EnumSource
  void resume_inTheMiddleOfAnEpoch_isNeverHavingStopped(Data kind) throws IOException {
    Outcome expected = undisturbed(b -> b);
    List<Double> losses = new ArrayList<>();
    for (int stop : new int[] {7, 13, STEPS}) {
      try (Mlp model = mlp();
          DiffusionTrainer trainer = builder(model).build()) {
        long done = trainer.resume();
        assertThat(done).isEqualTo(losses.size());
        trainer.trainTo(data(kind, SAMPLES), stop, step -> losses.add(step.smoothedLoss()));
        if (stop == STEPS) {
          Outcome.of(model, trainer).assertEquals(expected);
        }
      }
    }
    List<Double> wanted = new ArrayList<>();
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            builder(model).checkpoints(Checkpoints.in(directory.resolve("other"))).build()) {
      trainer.train(data(Data.SHUFFLED, SAMPLES), STEPS, step -> wanted.add(step.smoothedLoss()));
    }
    assertThat(losses).isEqualTo(wanted);
  }

  @Test
  void resume_withSeveralBatchesAStep_isNeverHavingStopped() throws IOException {
    Outcome expected = undisturbed(b -> b.accumulation(3));
    for (int stop : new int[] {6, STEPS}) {
      try (Mlp model = mlp();
          DiffusionTrainer trainer = builder(model).accumulation(3).build()) {
        trainer.resume();
        trainer.trainTo(data(Data.SHUFFLED, SAMPLES), stop, TrainingListener.NONE);
        if (stop == STEPS) {
          Outcome.of(model, trainer).assertEquals(expected);
        }
      }
    }
  }

  @Test
  void resume_withAnUpdaterOfNd4j_isNeverHavingStopped() throws IOException {
    Optimizer nadam = Optimizer.of(new Nadam(0.01));
    Outcome expected = undisturbed(b -> b.optimizer(nadam));
    for (int stop : new int[] {6, STEPS}) {
      try (Mlp model = mlp();
          DiffusionTrainer trainer = builder(model).optimizer(nadam).build()) {
        trainer.resume();
        trainer.trainTo(data(Data.SHUFFLED, SAMPLES), stop, TrainingListener.NONE);
        if (stop == STEPS) {
          Outcome.of(model, trainer).assertEquals(expected);
        }
      }
    }
  }

  @Test
  void resume_afterCancelling_goesOnFromTheStepThatWasDone() throws IOException {
    Outcome expected = undisturbed(b -> b);
    CancelToken token = new CancelToken();
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model, c -> c).cancelToken(token).build()) {
      Trainer.Report report =
          trainer.train(
              data(Data.SHUFFLED, SAMPLES),
              STEPS,
              step -> {
                if (step.index() == 8) {
                  token.cancel();
                }
              });
      assertThat(report.cancelled()).isTrue();
      assertThat(report.steps()).isEqualTo(9);
    }
    goOn(expected, 9);
  }

  @Test
  void train_whenInterrupted_writesACheckpointAndStaysInterrupted() throws IOException {
    Outcome expected = undisturbed(b -> b);
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model, c -> c).build()) {
      Trainer.Report report =
          trainer.train(
              data(Data.SHUFFLED, SAMPLES),
              STEPS,
              step -> {
                if (step.index() == 11) {
                  Thread.currentThread().interrupt();
                }
              });
      assertThat(Thread.interrupted()).isTrue();
      assertThat(report.cancelled()).isTrue();
      assertThat(report.steps()).isEqualTo(12);
    } finally {
      Thread.interrupted();
    }
    goOn(expected, 12);
  }

  private void goOn(Outcome expected, long from) throws IOException {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      assertThat(trainer.resume()).isEqualTo(from);
      assertThat(trainer.steps()).isEqualTo(from);
      trainer.trainTo(data(Data.SHUFFLED, SAMPLES), STEPS, TrainingListener.NONE);
      Outcome.of(model, trainer).assertEquals(expected);
    }
  }

  @Test
  void trainTo_whatWasReached_doesNothing() throws IOException {
    trainWithCheckpoints(10);
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      trainer.resume();
      Trainer.Report report =
          trainer.trainTo(data(Data.SHUFFLED, SAMPLES), 10, step -> assertThat(step).isNull());
      assertThat(report.steps()).isZero();
      assertThat(report.cancelled()).isFalse();
    }
  }

  private void trainWithCheckpoints(int steps) {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model, c -> c.everySteps(5).keepLast(2)).build()) {
      trainer.train(data(Data.SHUFFLED, SAMPLES), steps);
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void checkpoints_areTheLastFew() throws IOException {
    trainWithCheckpoints(17);
    assertThat(names()).containsExactly("step-00000015", "step-00000017");
  }

  @Test
  void checkpoints_ofATime_areWritten() throws IOException {
    List<Long> written = new ArrayList<>();
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            builder(model, c -> c.every(Duration.ofNanos(1)).keepLast(1)).build()) {
      trainer.train(
          data(Data.SHUFFLED, SAMPLES),
          3,
          new TrainingListener() {
            @Override
            public void onStep(TrainingListener.Step step) {}

            @Override
            public void onCheckpoint(long step, Path checkpoint) {
              assertThat(checkpoint).isDirectory();
              written.add(step);
            }
          });
    }
    assertThat(written).containsExactly(1L, 2L, 3L);
    assertThat(names()).containsExactly("step-00000003");
  }

  @Test
  void checkpoint_isAModelDirectoryWithTheAveragedWeights() throws IOException {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      trainer.train(data(Data.SHUFFLED, SAMPLES), 4);
      Outcome outcome = Outcome.of(model, trainer);
      try (PretrainedModel loaded = PretrainedModel.load(directory.resolve("step-00000004"))) {
        loaded
            .model()
            .parameters()
            .forEach((name, p) -> assertThat(equalBits(p, outcome.average().get(name))).isTrue());
        assertThat(loaded.provenance().facts()).containsEntry("steps", "4");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "training/state.json",
        "training/optimizer.safetensors",
        "training/weights.safetensors",
        "training/checksums.json",
        "mlp/diffusion_pytorch_model.safetensors"
      })
  void resume_fromADamagedCheckpoint_usesTheOneBefore(String file) throws IOException {
    for (boolean missing : new boolean[] {true, false}) {
      Outcome expected = undisturbed(b -> b);
      trainWithCheckpoints(10);
      Path damaged = directory.resolve("step-00000010").resolve(file);
      if (missing) {
        Files.delete(damaged);
      } else {
        byte[] bytes = Files.readAllBytes(damaged);
        bytes[bytes.length / 2] ^= 0x10;
        Files.write(damaged, bytes);
      }
      goOn(expected, 5);
      for (String name : names()) {
        MoreFiles.deleteRecursively(directory.resolve(name), RecursiveDeleteOption.ALLOW_INSECURE);
      }
    }
  }

  @Test
  void resume_fromDamagedCheckpointsAlone_saysWhatIsDamaged() throws IOException {
    trainWithCheckpoints(5);
    Files.delete(directory.resolve("step-00000005/training/state.json"));
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      assertThatExceptionOfType(IOException.class)
          .isThrownBy(trainer::resume)
          .withMessageContaining("at least one checkpoint must be undamaged")
          .withMessageContaining("state.json: is missing");
    }
  }

  @Test
  void resume_withoutCheckpoints_beginsAtTheBeginning() throws IOException {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      assertThat(trainer.resume()).isZero();
    }
  }

  @Test
  void train_amongCheckpointsOfAnother_refuses() {
    trainWithCheckpoints(5);
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      assertThatIllegalStateException()
          .isThrownBy(() -> trainer.train(data(Data.SHUFFLED, SAMPLES), 1))
          .withMessageContaining("must not have checkpoints of another training");
    }
  }

  @Test
  void resume_ofAnotherArchitecture_saysTheDifference() {
    trainWithCheckpoints(5);
    try (Mlp model = Mlp.create(new Mlp.Config(2, 16, 1), SCHEDULE, 1);
        DiffusionTrainer trainer = builder(model).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(trainer::resume)
          .withMessage("the model must be that of the checkpoint but width is 8 there and 16 here");
    }
    UNetConfig config =
        UNetConfig.builder(1, 4, 4)
            .blockOutChannels(2)
            .downBlocks(Block.PLAIN)
            .normGroups(1)
            .midAttention(false)
            .build();
    try (UNet model = UNet.create(config, SCHEDULE, 1);
        DiffusionTrainer trainer = builder(model).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(trainer::resume)
          .withMessageContaining("_class_name is Mlp there and UNet2DModel here");
    }
  }

  @Test
  void resume_ofAnotherScheduleOrPrediction_saysTheDifference() {
    trainWithCheckpoints(5);
    try (Mlp model =
            Mlp.create(new Mlp.Config(2, 8, 1), NoiseSchedule.linear(40), Prediction.VELOCITY, 1);
        DiffusionTrainer trainer = builder(model).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(trainer::resume)
          .withMessageContaining("prediction is EPSILON there and VELOCITY here")
          .withMessageContaining("the schedule's number of steps is 50 there and 40 here")
          .withMessageContaining("alphaBar(");
    }
  }

  @Test
  void build_withTheSchedulerOfAnotherModel_saysTheDifference() {
    SchedulerConfig own = SchedulerConfig.of(SCHEDULE, Prediction.EPSILON);
    SchedulerConfig other =
        SchedulerConfig.of(NoiseSchedule.linear(50, 0.001, 0.01), Prediction.EPSILON);
    try (Mlp model = mlp()) {
      builder(model, c -> c.describedBy(own, Provenance.ofThisLibrary())).build().close();
      for (SchedulerConfig wrong :
          List.of(other, SchedulerConfig.of(NoiseSchedule.linear(40), Prediction.VELOCITY))) {
        Builder builder = builder(model, c -> c.describedBy(wrong, Provenance.ofThisLibrary()));
        assertThatIllegalArgumentException()
            .isThrownBy(builder::build)
            .withMessage(
                wrong == other
                    ? "alphaBar(0) of the checkpoints' scheduler must be the model's, "
                        + SCHEDULE.alphaBar(0)
                        + ", but was 0.999"
                    : "prediction of the checkpoints' scheduler must be the model's, EPSILON, but"
                        + " was VELOCITY");
      }
    }
  }

  @Test
  void train_onOtherDataAfterResuming_saysTheDifference() throws IOException {
    trainWithCheckpoints(5);
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      trainer.resume();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(data(Data.SHUFFLED, SAMPLES + 1), 1))
          .withMessageContaining("data must be that of the checkpoint")
          .withMessageContaining("38 x [2]")
          .withMessageContaining("39 x [2]");
    }
  }

  @Test
  void resume_withoutTheAverageOfTheCheckpoint_refuses() {
    trainWithCheckpoints(5);
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).checkpoints(Checkpoints.in(directory)).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(trainer::resume)
          .withMessage("ema must be as in the checkpoint, which has averaged weights");
    }
  }

  @Test
  void train_whenACheckpointCannotBeWritten_saysSoAndKeepsTheOnesBefore() throws IOException {
    trainWithCheckpoints(5);
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      trainer.resume();
      Path away = directory.resolveSibling("away");
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(
              () ->
                  trainer.train(
                      data(Data.SHUFFLED, SAMPLES),
                      5,
                      step -> {
                        if (step.index() == 9) {
                          replaceByAFile(directory, away);
                        }
                      }))
          .withMessageContaining("checkpoint of step 10 could not be written");
      Files.delete(directory);
      Files.move(away, directory);
    }
    assertThat(names()).containsExactly("step-00000005");
    assertThat(new CheckpointFolder(directory).newestComplete()).isPresent();
  }

  private static void replaceByAFile(Path directory, Path away) {
    try {
      Files.move(directory, away);
      Files.createFile(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aLossThatIsNotFinite_afterResuming_leavesTheWeightsOfTheCheckpoint() throws IOException {
    Map<String, INDArray> saved;
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      trainer.train(data(Data.SHUFFLED, SAMPLES), 7);
      saved = Outcome.copy(model);
    }
    Loss nothing = batch -> (sample, output, gradient) -> Double.NaN;
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).loss(nothing).build()) {
      trainer.resume();
      assertFails(trainer);
      saved.forEach((name, p) -> assertThat(equalBits(model.parameters().get(name), p)).isTrue());
      trainer.useAverage();
      Map<String, INDArray> average = Outcome.copy(model);
      assertFails(trainer);
      average.forEach((name, p) -> assertThat(equalBits(model.parameters().get(name), p)).isTrue());
    }
  }

  private static void assertFails(DiffusionTrainer trainer) {
    assertThatExceptionOfType(TrainingException.class)
        .isThrownBy(() -> trainer.train(data(Data.SHUFFLED, SAMPLES), 1));
  }

  @Test
  void resume_afterTraining_refuses() {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = builder(model).build()) {
      trainer.train(data(Data.SHUFFLED, SAMPLES), 1);
      assertThatIllegalStateException()
          .isThrownBy(trainer::resume)
          .withMessage("training must not have started before it is resumed but is at step 1");
    }
  }

  @Test
  void resume_withoutADirectory_refuses() {
    try (Mlp model = mlp();
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      assertThatIllegalStateException()
          .isThrownBy(trainer::resume)
          .withMessage("the trainer was given no checkpoints");
    }
  }

  @Test
  void checkpoints_withImpossibleSettings_refuse() {
    Checkpoints some = Checkpoints.in(directory);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> some.everySteps(0))
        .withMessage("steps between checkpoints must be at least 1 but were 0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> some.every(Duration.ZERO))
        .withMessage("time between checkpoints must be positive but was PT0S");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> some.keepLast(0))
        .withMessage("checkpoints kept must be at least 1 but were 0");
  }
}
