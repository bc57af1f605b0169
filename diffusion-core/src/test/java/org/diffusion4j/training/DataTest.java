package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.data.ImageFolder;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleIterator.Position;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What readers give is what trainers take. */
class DataTest {

  @TempDir private Path folder;

  /** Pictures of two channels, higher than wide. */
  private static INDArray pictures(int count) {
    return Nd4j.linspace(-1, 1, count * 2L * 6 * 4).reshape(count, 2, 6, 4);
  }

  private static UNet unet(int channels, int classes) {
    UNetConfig.Builder builder =
        UNetConfig.builder(channels, 6, 4)
            .blockOutChannels(2)
            .downBlocks(Block.PLAIN)
            .layersPerBlock(1)
            .normGroups(1)
            .midAttention(false);
    if (classes > 0) {
      builder.classes(classes);
    }
    return UNet.create(builder.build(), NoiseSchedule.linear(100), 1);
  }

  private static List<TrainingListener.Step> train(UNet model, SampleIterator data, int steps) {
    List<TrainingListener.Step> seen = new ArrayList<>();
    try (DiffusionTrainer trainer = DiffusionTrainer.builder(model).seed(3).build()) {
      trainer.train(data, steps, seen::add);
    }
    return seen;
  }

  @Test
  void train_partialBatch_isUsedOrDroppedAsAsked() {
    try (UNet model = unet(2, 0)) {
      SampleIterator.Builder data =
          SampleIterator.of(SampleSource.of(pictures(5)), 2).shuffle(1).flip(2);

      assertThat(train(model, data.build(), 5))
          .extracting(TrainingListener.Step::batchSize)
          .containsExactly(2, 2, 1, 2, 2);
      assertThat(train(model, data.dropPartial().build(), 5))
          .extracting(TrainingListener.Step::batchSize)
          .containsOnly(2);
    }
  }

  @Test
  void train_fewerSamplesThanABatch_takesThemAll() {
    try (UNet model = unet(2, 0)) {
      SampleIterator data = SampleIterator.of(SampleSource.of(pictures(3)), 64).shuffle(1).build();

      assertThat(train(model, data, 4))
          .extracting(TrainingListener.Step::batchSize)
          .containsOnly(3);
      assertThat(data.position()).isEqualTo(new Position(3, 3));
    }
  }

  @Test
  void train_prefetched_isBitEqual() {
    try (UNet one = unet(2, 3);
        UNet other = unet(2, 3)) {
      SampleSource labelled = SampleSource.of(pictures(5), new int[] {0, 1, 2, 1, 0}, 3);
      SampleIterator.Builder settings = SampleIterator.of(labelled, 2).shuffle(1).flip(2);
      train(one, settings.build(), 7);
      try (SampleIterator data = settings.build().prefetched(2)) {
        train(other, data, 7);
        assertThat(data.position()).isEqualTo(new Position(2, 2));
      }

      assertThat(other.parameters()).isEqualTo(one.parameters());
    }
  }

  @Test
  void train_imageFolder_namesTheBrokenFile() throws IOException {
    for (int i = 0; i < 3; i++) {
      ImageFiles.writeGrid(folder.resolve(i + ".png"), Nd4j.zeros(1, 3, 9, 7), 1, 1);
    }
    Path broken = Files.write(folder.resolve("3.png"), new byte[] {1});
    try (UNet model = unet(3, 0);
        SampleIterator data =
            SampleIterator.of(ImageFolder.open(folder, 6, 4), 1).build().prefetched(2)) {
      assertThatThrownBy(() -> train(model, data, 9))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageStartingWith("batch 3 of epoch 0, sample 3: " + broken);
      assertThat(data.position()).isEqualTo(new Position(0, 3));
    }
  }

  @Test
  void train_moreClassesThanTheModel_isRefused() {
    try (UNet model = unet(2, 3)) {
      SampleSource labelled = SampleSource.of(pictures(2), new int[] {0, 3}, 4);

      assertThatThrownBy(() -> train(model, SampleIterator.of(labelled, 2).build(), 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("labels must be one-hot [n, 3] but were [2, 4]");
      assertThatThrownBy(
              () -> train(model, SampleIterator.of(SampleSource.of(pictures(2)), 2).build(), 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("labels must be one-hot [n, 3] but were missing");
    }
  }
}
