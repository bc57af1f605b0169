package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.google.common.util.concurrent.Uninterruptibles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Trainer;
import org.diffusion4j.Trainer.TrainingException;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.data.ImageFolder;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Nadam;

/** What can go wrong in training goes wrong here: interrupts, damage, bad data. */
class DisturbedTrainingTest {

  private static final int PICTURES = 10;
  private static final int BATCHES = 4;
  private static final int STEPS = 9;

  @TempDir private Path directory;
  private Path pictures;
  private Path checkpoints;
  private UNet model;

  /** What {@link #data} passes its batches through. */
  private DataSetPreProcessor eye = batch -> {};

  @BeforeEach
  void makeData() throws IOException {
    pictures = Files.createDirectory(directory.resolve("pictures"));
    checkpoints = directory.resolve("checkpoints");
    for (int i = 0; i < PICTURES; i++) {
      writePicture(i);
    }
    model = unet();
  }

  @AfterEach
  void close() {
    Thread.interrupted();
    model.close();
  }

  private Path writePicture(int i) throws IOException {
    Path file = pictures.resolve(i + ".png");
    try (INDArray picture = Nd4j.zeros(1, 3, 4, 4).addi(0.2 * i - 1)) {
      ImageFiles.writeGrid(file, picture, 1, 1);
    }
    return file;
  }

  private static UNet unet() {
    UNetConfig config =
        UNetConfig.builder(3, 4, 4)
            .blockOutChannels(2)
            .downBlocks(Block.PLAIN)
            .normGroups(1)
            .midAttention(false)
            .build();
    return UNet.create(config, NoiseSchedule.linear(50), 1);
  }

  private SampleIterator data() {
    try {
      SampleIterator data =
          SampleIterator.of(ImageFolder.open(pictures, 4, 4), 3).shuffle(1).build();
      data.setPreProcessor(eye);
      return data;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** As reading from a channel does. */
  private static void failIfInterrupted(DataSet batch) {
    if (Thread.currentThread().isInterrupted()) {
      throw new UncheckedIOException(new ClosedByInterruptException());
    }
  }

  private DiffusionTrainer.Builder builder(UNet trained, Checkpoints where) {
    return DiffusionTrainer.builder(trained).ema(0.9).checkpoints(where).seed(3);
  }

  private Checkpoints every(int steps) {
    return Checkpoints.in(checkpoints).everySteps(steps).keepLast(2);
  }

  private void train(Checkpoints where, int steps) {
    try (DiffusionTrainer trainer = builder(model, where).build()) {
      trainer.train(data(), steps);
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(checkpoints)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private Path state(long step) {
    return new CheckpointFolder(checkpoints).at(step).resolve("training/state.json");
  }

  /** Resumes, trains to the end, and compares with training that was never disturbed. */
  private void assertGoesOn(long from) throws IOException {
    try (UNet expected = unet();
        DiffusionTrainer undisturbed = DiffusionTrainer.builder(expected).seed(3).build();
        UNet resumed = unet();
        DiffusionTrainer trainer = builder(resumed, every(5)).build()) {
      undisturbed.train(data(), STEPS);
      assertThat(trainer.resume()).isEqualTo(from);
      trainer.trainTo(data(), STEPS, TrainingListener.NONE);
      assertThat(resumed.parameters()).isEqualTo(expected.parameters());
    }
  }

  @Test
  void resume_afterAKillBeforePruning_prunes() throws IOException {
    train(every(3).keepLast(3), 9);
    Path leftover = Files.createDirectory(checkpoints.resolve(".step-00000002.old.tmp"));
    Files.createFile(leftover.resolve("file"));
    try (DiffusionTrainer trainer = builder(model, every(3)).build()) {
      assertThat(trainer.resume()).isEqualTo(9);
      trainer.trainTo(data(), 9, TrainingListener.NONE);
    }
    assertThat(names()).containsExactly("step-00000006", "step-00000009");
  }

  @Test
  void resume_fromBeforeDamagedCheckpoints_keepsWhatIsWrittenThen() throws IOException {
    train(every(2).keepLast(3), 6);
    Files.delete(state(4));
    Files.delete(state(6));
    try (DiffusionTrainer trainer = builder(model, every(5).keepLast(1)).build()) {
      assertThat(trainer.resume()).isEqualTo(2);
      trainer.train(data(), 1);
      assertThat(names()).contains("step-00000003");
    }
    assertGoesOn(3);
  }

  @Test
  void checkpoint_ofWhatWasResumed_changesNothing() throws IOException {
    train(every(5), 5);
    String before = Files.readString(state(5));
    try (DiffusionTrainer trainer = builder(model, every(5)).build()) {
      trainer.checkpoint();
      assertThat(Files.readString(state(5))).isEqualTo(before);
      trainer.resume();
      trainer.checkpoint();
      assertThat(Files.readString(state(5))).isEqualTo(before);
    }
    assertGoesOn(5);
  }

  @Test
  void train_afterResumingFailed_refuses() throws IOException {
    train(every(5), 5);
    Files.delete(state(5));
    try (DiffusionTrainer trainer = builder(model, every(5)).build()) {
      assertThatExceptionOfType(IOException.class).isThrownBy(trainer::resume);
      assertThatIllegalStateException()
          .isThrownBy(() -> trainer.train(data(), 1))
          .withMessageContaining("must not have checkpoints of another training");
    }
  }

  @Test
  void resume_whenInterrupted_resumesAndStaysInterrupted() throws IOException {
    train(every(5), 5);
    try (DiffusionTrainer trainer = builder(model, every(5)).build()) {
      Thread.currentThread().interrupt();
      assertThat(trainer.resume()).isEqualTo(5);
      assertThat(trainer.train(data(), 3).cancelled()).isTrue();
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(names()).containsExactly("step-00000005");
  }

  @Test
  void train_whenInterruptedBeforeAValidationFromFiles_validatesAndSaves() throws IOException {
    eye = DisturbedTrainingTest::failIfInterrupted;
    List<Double> losses = new ArrayList<>();
    try (DiffusionTrainer trainer = builder(model, every(50)).validation(data(), 2).build()) {
      Trainer.Report report =
          trainer.train(
              data(),
              STEPS,
              new TrainingListener() {
                @Override
                public void onStep(TrainingListener.Step step) {
                  if (step.index() == 1) {
                    Thread.currentThread().interrupt();
                  }
                }

                @Override
                public void onValidation(long step, double loss) {
                  losses.add(loss);
                }
              });
      assertThat(report.cancelled()).isTrue();
    }
    assertThat(Thread.interrupted()).isTrue();
    assertThat(losses).hasSize(1);
    assertGoesOn(2);
  }

  @Test
  void validation_onShuffledData_isTheSameEachTime() {
    List<Double> losses = new ArrayList<>();
    TrainingListener validations =
        new TrainingListener() {
          @Override
          public void onStep(TrainingListener.Step step) {}

          @Override
          public void onValidation(long step, double loss) {
            losses.add(loss);
          }
        };
    try (DiffusionTrainer trainer =
        DiffusionTrainer.builder(model)
            .optimizer(Optimizer.adam(1e-20))
            .validation(data(), 1)
            .build()) {
      trainer.train(data(), 3, validations);
    }
    assertThat(losses).hasSize(3).containsOnly(losses.get(0));
  }

  @Test
  void train_whenInterruptedAtTheEndOfAnEpoch_endsItAgainWithItsLoss() throws IOException {
    eye = DisturbedTrainingTest::failIfInterrupted;
    List<Double> first = new ArrayList<>();
    TrainingListener interrupting =
        new Epochs(first) {
          @Override
          public void onEpoch(int epoch, double meanLoss) {
            super.onEpoch(epoch, meanLoss);
            Thread.currentThread().interrupt();
          }
        };
    try (DiffusionTrainer trainer = builder(model, every(50)).build()) {
      trainer.train(data(), STEPS, interrupting);
    }
    assertThat(Thread.interrupted()).isTrue();
    List<Double> second = new ArrayList<>();
    try (DiffusionTrainer trainer = builder(model, every(50)).build()) {
      assertThat(trainer.resume()).isEqualTo(BATCHES);
      trainer.train(data(), 1, new Epochs(second));
    }
    assertThat(first).hasSize(1).isEqualTo(second);
  }

  /** Collects the losses of epochs. */
  private static class Epochs implements TrainingListener {
    private final List<Double> losses;

    Epochs(List<Double> losses) {
      this.losses = losses;
    }

    @Override
    public void onStep(TrainingListener.Step step) {}

    @Override
    public void onEpoch(int epoch, double meanLoss) {
      losses.add(meanLoss);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void train_interruptedAtAnyMoment_savesItsLastStep(boolean prefetched) throws IOException {
    long done = 0;
    for (int micros = 0; done < STEPS; micros = 2 * micros + 100) {
      SampleIterator source = prefetched ? data().prefetched(2) : data();
      try (UNet trained = unet();
          DiffusionTrainer trainer = builder(trained, every(1)).build()) {
        assertThat(trainer.resume()).isEqualTo(done);
        Thread interrupter = interrupter(micros);
        interrupter.start();
        Trainer.Report report = trainer.trainTo(source, STEPS, TrainingListener.NONE);
        Uninterruptibles.joinUninterruptibly(interrupter);
        assertThat(report.steps()).isEqualTo(trainer.steps() - done);
        done = trainer.steps();
      }
      Thread.interrupted();
    }
    assertGoesOn(STEPS);
  }

  private static Thread interrupter(int micros) {
    Thread trained = Thread.currentThread();
    return new Thread(
        () -> {
          long end = System.nanoTime() + 1000L * micros;
          while (System.nanoTime() < end) {
            Thread.onSpinWait();
          }
          trained.interrupt();
        });
  }

  @Test
  void train_afterABatchThatFailed_skipsNoneOfItsStep() {
    List<Double> expectedLosses = new ArrayList<>();
    List<Double> losses = new ArrayList<>();
    try (UNet expected = unet();
        DiffusionTrainer undisturbed = DiffusionTrainer.builder(expected).accumulation(3).build();
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).accumulation(3).build()) {
      undisturbed.train(data(), STEPS, new Epochs(expectedLosses));
      // The fourth batch ends the first epoch, and the fifth is the second of the second step.
      eye = new FailOnce(5);
      SampleIterator data = data();
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(() -> trainer.train(data, STEPS, TrainingListener.NONE));
      trainer.trainTo(data, STEPS, new Epochs(losses));
      assertThat(model.parameters()).isEqualTo(expected.parameters());
    }
    assertThat(losses).isEqualTo(expectedLosses).doesNotContain(Double.NaN);
  }

  /** Fails for one batch the first time that it comes. */
  @SuppressWarnings("serial")
  private static final class FailOnce implements DataSetPreProcessor {
    private int left;

    FailOnce(int batch) {
      left = batch;
    }

    @Override
    public void preProcess(DataSet batch) {
      if (--left == 0) {
        throw new UncheckedIOException(new IOException("unreadable"));
      }
    }
  }

  @Test
  void train_onAFileThatBreaks_namesItAndGoesOnWhenItIsMended() throws IOException {
    try (DiffusionTrainer trainer = builder(model, every(3)).build()) {
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(
              () ->
                  trainer.train(
                      data(),
                      2 * STEPS,
                      step -> {
                        if (step.index() == 5) {
                          damage(pictures.resolve("0.png"));
                        }
                      }))
          .withMessageMatching("batch \\d of epoch [12], sample 0: .*0\\.png.*");
    }
    long newest = newestStep();
    assertThat(newest).isBetween(6L, 9L);
    writePicture(0);
    assertGoesOn(newest);
  }

  private static void damage(Path file) {
    try {
      Files.write(file, new byte[] {1});
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void train_onNotANumber_keepsTheCheckpointBefore() throws IOException {
    eye = new Poison(6);
    try (DiffusionTrainer trainer = builder(model, every(5)).build()) {
      assertThatExceptionOfType(TrainingException.class)
          .isThrownBy(() -> trainer.train(data(), STEPS))
          .withMessageContaining("step 6, batch 2 of epoch 1, learning rate 2.0E-4");
    }
    assertThat(names()).containsExactly("step-00000005");
    eye = batch -> {};
    assertGoesOn(5);
  }

  /** Makes a value of a batch no number. */
  @SuppressWarnings("serial")
  private static final class Poison implements DataSetPreProcessor {
    private int left;

    Poison(int batch) {
      left = batch;
    }

    @Override
    public void preProcess(DataSet batch) {
      if (left-- == 0) {
        batch.getFeatures().putScalar(0, Double.NaN);
      }
    }
  }

  @Test
  void resume_fromACheckpointDamagedAnywhere_usesTheOneBefore() throws IOException {
    train(every(5), 10);
    Path newest = new CheckpointFolder(checkpoints).at(10);
    List<Path> files;
    try (Stream<Path> walk = Files.walk(newest)) {
      files = walk.filter(Files::isRegularFile).toList();
    }
    assertThat(files).hasSizeGreaterThanOrEqualTo(8);
    for (Path file : files) {
      byte[] whole = Files.readAllBytes(file);
      byte[] half = Arrays.copyOf(whole, whole.length / 2);
      byte[] flipped = whole.clone();
      flipped[whole.length / 3] ^= 1;
      for (byte[] damaged : List.of(new byte[0], half, flipped)) {
        Files.write(file, damaged);
        assertThat(newestStep()).as("%s with %s bytes", file, damaged.length).isEqualTo(5);
      }
      Files.delete(file);
      assertThat(newestStep()).as("without %s", file).isEqualTo(5);
      Files.write(file, whole);
      assertThat(newestStep()).isEqualTo(10);
    }
  }

  private long newestStep() throws IOException {
    return (Long)
        new CheckpointFolder(checkpoints).newestComplete().orElseThrow().state().get("step");
  }

  @Test
  void train_whereTheFolderIsAFile_saysSo() throws IOException {
    Files.createFile(checkpoints);
    try (DiffusionTrainer trainer = builder(model, every(5)).build()) {
      assertThatExceptionOfType(IOException.class)
          .isThrownBy(trainer::resume)
          .withMessage(checkpoints + " must be a directory for checkpoints");
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(() -> trainer.train(data(), 1))
          .withMessageContaining(checkpoints + " must be a directory for checkpoints");
    }
  }

  @Test
  void resume_withAnOptimizerOfAnotherState_saysTheDifference() {
    train(every(5), 5);
    try (DiffusionTrainer trainer =
        builder(model, every(5)).optimizer(Optimizer.of(new Nadam(0.1))).build()) {
      assertThatExceptionOfType(ModelFormatException.class)
          .isThrownBy(trainer::resume)
          .withMessageContaining("optimizer.safetensors")
          .withMessageContaining("must hold the same arrays as the training but lacks");
    }
  }

  @Test
  void build_withLabelDropoutButNoNullClass_refuses() {
    assertThatIllegalArgumentException()
        .isThrownBy(DiffusionTrainer.builder(model).labelDropout(0.1)::build)
        .withMessage("label dropout must be 0 for a model without a null class but was 0.1");
  }
}
