package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Labels mean the same class in training, after resuming, and in validation. */
class DataClassesTest {

  @TempDir Path folder;

  /** Six pictures of two classes, grey all over. */
  private record Grey(List<String> classNames) implements SampleSource {

    @Override
    public int size() {
      return 6;
    }

    @Override
    public long[] sampleShape() {
      return new long[] {1, 4, 4};
    }

    @Override
    public void read(int index, float[] into) {
      Arrays.fill(into, 0.1f * index);
    }

    @Override
    public int label(int index) {
      return index % 2;
    }

    @Override
    public String description() {
      return "grey";
    }
  }

  private static SampleIterator data(String... names) {
    return SampleIterator.of(new Grey(List.of(names)), 3).build();
  }

  private static UNet unet() {
    UNetConfig config =
        UNetConfig.builder(1, 4, 4)
            .blockOutChannels(2)
            .downBlocks(Block.PLAIN)
            .normGroups(1)
            .midAttention(false)
            .classes(2)
            .build();
    return UNet.create(config, NoiseSchedule.linear(50), 1);
  }

  private DiffusionTrainer.Builder builder(SameDiffDenoiser model) {
    return DiffusionTrainer.builder(model).checkpoints(Checkpoints.in(folder));
  }

  @Test
  void resume_withOtherClassNames_isRefusedByName() throws IOException {
    try (UNet model = unet();
        DiffusionTrainer trainer = builder(model).build()) {
      trainer.train(data("2", "10"), 1);
    }
    assertThat(Files.readString(folder.resolve("step-00000001/training/state.json")))
        .containsSubsequence("class_names", "\"2\"", "\"10\"");
    try (UNet model = unet();
        DiffusionTrainer trainer = builder(model).build()) {
      trainer.resume();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(data("10", "2"), 1))
          .withMessage(
              "data must have the classes of the checkpoint in their order but class 0 is 10"
                  + " instead of 2; its reader's withClassNames sets them");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(data("2", "3"), 1))
          .withMessageContaining("but lacks 10 and has in addition 3;");
      trainer.train(data("2", "10"), 1);
      assertThat(trainer.steps()).isEqualTo(2);
    }
  }

  @Test
  void train_withValidationDataOfOtherClasses_isRefusedBeforeTheFirstStep() {
    try (UNet model = unet();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).validation(data("cat", "cow"), 1).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(data("cat", "dog"), 1))
          .withMessageStartingWith(
              "validation data must have the classes of the data in their order but lacks dog and"
                  + " has in addition cow");
      assertThat(trainer.steps()).isZero();
      trainer.train(data("cat", "cow"), 1);
    }
  }

  @Test
  void train_withValidationDataOfMoreClassesThanTheModel_saysWhatToDo() {
    try (UNet model = unet();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).validation(data("a", "b", "c"), 1).build()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> trainer.train(data("a", "b"), 1))
          .withMessage(
              "validation data must have the 2 classes of the model but has 3: a, b, c; set"
                  + " them with its reader's withClassNames, or build the model with 3");
      assertThat(trainer.steps()).isZero();
    }
  }

  @Test
  void requireSame_ofManyLongNames_isShort() {
    List<String> names = IntStream.range(0, 1000).mapToObj(i -> i + "\0".repeat(1000)).toList();
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> DataClasses.requireSame("data", names, "the checkpoint", List.of("a", "b")))
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(500));
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                DataClasses.requireSame(
                    "data", Collections.nCopies(2, "a"), "the checkpoint", List.of("a")))
        .withMessageContaining("but class 0 is a");
  }
}
