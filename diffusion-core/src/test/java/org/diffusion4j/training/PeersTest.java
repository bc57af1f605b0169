package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.TrainingListener.Step;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.diffusion4j.training.DiffusionTrainer.Builder;
import org.diffusion4j.training.DiffusionTrainer.Peers;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Processes that train together are one process. */
class PeersTest {

  private static final int STEPS = 7;

  @TempDir Path directory;

  /** Batches of 3, the last of an epoch of 2, with classes. */
  private static SampleIterator data() {
    int n = 17;
    int[] labels = new int[n];
    Arrays.setAll(labels, i -> i % 3);
    try (INDArray images =
        Nd4j.linspace(-1, 1, n * 16, DataType.FLOAT).reshape(n, 1, 4, 4).dup('c')) {
      return SampleIterator.of(SampleSource.of(images, labels, 3), 3).shuffle(3).flip(4).build();
    }
  }

  private static UNet unet() {
    UNetConfig config =
        UNetConfig.builder(1, 4, 4)
            .blockOutChannels(4)
            .downBlocks(Block.PLAIN)
            .layersPerBlock(1)
            .normGroups(2)
            .midAttention(false)
            .classes(3)
            .nullClass(true)
            .dropout(0.3)
            .build();
    return UNet.create(config, NoiseSchedule.linear(50), 5);
  }

  /** What a training gives. */
  private record Outcome(String weights, String average, List<Double> losses) {}

  private static Outcome train(int steps, UnaryOperator<Builder> settings) {
    List<Double> losses = new ArrayList<>();
    try (UNet model = unet();
        DiffusionTrainer trainer =
            settings
                .apply(
                    DiffusionTrainer.builder(model)
                        .optimizer(Optimizer.adamW(LearningRates.cosine(0.01, 20), 0.01))
                        .labelDropout(0.3)
                        .maxGradientNorm(0.5)
                        .validation(data(), 3)
                        .ema(0.9)
                        .seed(9))
                .build()) {
      if (trainer.steps() == 0) {
        resume(trainer);
      }
      trainer.trainTo(data(), steps, step -> record(step, losses));
      String weights = checksum(model);
      trainer.useAverage();
      return new Outcome(weights, checksum(model), losses);
    }
  }

  private static void resume(DiffusionTrainer trainer) {
    try {
      trainer.resume();
    } catch (IllegalStateException withoutCheckpoints) {
      assertThat(withoutCheckpoints).hasMessageContaining("no checkpoints");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void record(Step step, List<Double> into) {
    into.add(step.loss());
    into.add(step.gradientNorm());
    into.addAll(step.lossByQuartile());
    into.add((double) step.batchSize());
  }

  private static String checksum(UNet model) {
    return WeightLoops.checksum(List.copyOf(model.parameters().values()));
  }

  @ParameterizedTest
  @CsvSource({"4,1", "4,2", "4,3", "4,4", "2,2", "5,3", "8,3", "1,1"})
  void processes_giveTheBitsOfOne(int batches, int size) throws InterruptedException {
    Outcome alone = train(STEPS, b -> b.accumulation(batches));
    List<Outcome> together =
        InMemoryPeers.run(size, peers -> train(STEPS, b -> b.accumulation(batches).peers(peers)));
    assertThat(together).isEqualTo(Collections.nCopies(size, alone));
  }

  @Test
  void resumed_inAnotherNumberOfProcesses_goOn() throws InterruptedException {
    Outcome alone = train(STEPS, b -> b.accumulation(4));
    InMemoryPeers.run(
        3, peers -> train(5, b -> b.accumulation(4).peers(peers).checkpoints(at(peers))));
    // Only the first has written.
    assertThat(directory.resolve("0/step-00000004")).exists();
    assertThat(directory.resolve("1")).isEmptyDirectory();
    Outcome rest =
        train(STEPS, b -> b.accumulation(4).checkpoints(Checkpoints.in(directory.resolve("0"))));
    assertThat(rest.weights).isEqualTo(alone.weights);
    assertThat(rest.average).isEqualTo(alone.average);
  }

  private Checkpoints at(Peers peers) {
    return Checkpoints.in(directory.resolve(Integer.toString(peers.rank()))).everySteps(2);
  }

  @Test
  void otherSettings_areNamed() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                InMemoryPeers.run(
                    2, peers -> train(1, b -> b.accumulation(2).peers(peers).seed(peers.rank()))))
        .withMessageMatching(".*must have the same seed but it is . in process . and . in .*");
  }

  @Test
  void moreProcessesThanBatches_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> InMemoryPeers.run(3, peers -> train(1, b -> b.accumulation(2).peers(peers))))
        .withMessage("batches of a step must be at least one for each of 3 processes but were 2");
  }
}
