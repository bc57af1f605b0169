package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/** Data whose samples come with pictures. */
class PictureBatchesTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.cosine(100);

  @TempDir Path folder;

  /** Predicts a multiple of the samples plus a multiple of the pictures. */
  private static SameDiffDenoiser model() {
    SameDiff graph = SameDiff.create();
    SDVariable sample = graph.placeHolder("sample", DataType.FLOAT, -1, 1, 4, 4);
    SDVariable pictures = graph.placeHolder("pictures", DataType.FLOAT, -1, 1, 4, 4);
    graph.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable w = graph.var("w", Nd4j.zeros(DataType.FLOAT, 1, 1, 1, 1));
    SDVariable s = graph.var("s", Nd4j.zeros(DataType.FLOAT, 1, 1, 1, 1));
    sample.mul(s).add("output", pictures.mul(w));
    return new SameDiffDenoiser(graph, new long[] {1, 4, 4}, SCHEDULE, Prediction.SAMPLE);
  }

  private static SampleSource images() {
    Random random = new Random(2);
    float[] values = new float[8 * 16];
    for (int i = 0; i < values.length; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
    return SampleSource.of(Nd4j.create(values, new long[] {8, 1, 4, 4}, 'c'));
  }

  private static SampleIterator data() {
    return SampleIterator.of(images().enlarging(2), 4).shuffle(1).build();
  }

  private static INDArray pictures(Condition condition) {
    return condition.part(Condition.Pictures.class).orElseThrow().pictures();
  }

  @Test
  void batch_hasSamplesAndPictures() throws IOException {
    float[] values = new float[32];
    images().enlarging(2).read(0, values);
    try (SameDiffDenoiser model = model();
        Batch batch =
            new Batch(SampleIterator.of(images().enlarging(2), 2).build().next(), model)) {
      INDArray given = pictures(batch.condition);

      assertThat(batch.x0.shape()).containsExactly(2, 1, 4, 4);
      assertThat(given.shape()).containsExactly(2, 1, 4, 4);
      assertThat(values)
          .startsWith(batch.x0.slice(0).dup('c').data().asFloat())
          .endsWith(given.slice(0).dup('c').data().asFloat());
      Condition dropped = batch.withDropout(batch.condition, 1, Draws.at(1, 1));
      assertThat(pictures(dropped).amaxNumber().doubleValue()).isZero();
      assertThat(given.amaxNumber().doubleValue()).isPositive();
    }
  }

  @Test
  void batch_withLabelsAndPictures_hasBoth() {
    UNetConfig config =
        UNetConfig.builder(1, 4, 4)
            .blockOutChannels(4)
            .normGroups(2)
            .pictureChannels(1)
            .classes(2)
            .nullClass(true)
            .midAttention(false)
            .build();
    SampleSource labelled =
        SampleSource.of(Nd4j.zeros(2, 1, 4, 4), new int[] {1, 0}, 2).enlarging(2);
    try (UNet model = UNet.create(config, SCHEDULE, 1);
        Batch batch = new Batch(SampleIterator.of(labelled, 2).build().next(), model)) {
      assertThat(batch.condition.labels()).containsExactly(1, 0);
      assertThat(pictures(batch.condition).shape()).containsExactly(2, 1, 4, 4);
      Condition dropped = batch.withDropout(batch.condition, 1, Draws.at(1, 1));
      assertThat(dropped.labels()).containsOnly(Condition.UNLABELLED);
      assertThat(dropped.part(Condition.Pictures.class)).isPresent();
    }
  }

  @Test
  void batch_withoutPictures_isRefused() {
    try (SameDiffDenoiser model = model()) {
      DataSet data = new DataSet(Nd4j.zeros(DataType.FLOAT, 2, 1, 4, 4), null);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Batch(data, model))
          .withMessage(
              "a batch of data must be floating-point [n, 2, 4, 4], samples followed by pictures of"
                  + " 1 channels, but was FLOAT [2, 1, 4, 4]");
    }
  }

  @Test
  void pictureNoise_isTheForwardProcessAtARandomTimestep() {
    ForwardProcess process = new ForwardProcess(SCHEDULE);
    Corruption corruption = Corruption.standard().withPictures(60);
    assertThat(corruption).hasToString("standard(pictures=60)");
    try (SameDiffDenoiser model = model();
        Batch batch = new Batch(data().next(), model)) {
      int[] s = Draws.at(3, 4).ints(4, 0, 61).toArray();
      INDArray epsilon = NoiseSource.perSample(5).start().batch(0, 4).next(4, 1, 4, 4);
      INDArray expected = process.noisy(pictures(batch.condition), epsilon, s);
      Condition noisy =
          corruption.condition(
              process, batch, Draws.at(3, 4), NoiseSource.perSample(5).start().batch(0, 4));

      assertThat(pictures(noisy)).isEqualTo(expected);
      assertThat(s).doesNotHaveDuplicates();
      assertThat(
              Corruption.standard()
                  .condition(
                      process, batch, Draws.at(3, 4), NoiseSource.perSample(5).start().batch(0, 4)))
          .isSameAs(batch.condition);
    }
  }

  @Test
  void pictureNoise_thatDoesNotFit_isRefused() {
    try (SameDiffDenoiser model = model();
        UNet plain =
            UNet.create(
                UNetConfig.builder(1, 4, 4).blockOutChannels(8).normGroups(2).build(),
                SCHEDULE,
                1)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DiffusionTrainer.builder(model).pictureNoise(100).build())
          .withMessage("picture noise must be in [0, 99] but was 100");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DiffusionTrainer.builder(model).pictureNoise(-1))
          .withMessage("picture noise must be at least 0 but was -1");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DiffusionTrainer.builder(plain).pictureNoise(1).build())
          .withMessage("picture noise must be for a model that takes pictures but was 1");
    }
  }

  @Test
  void train_withPictures_usesThem() {
    try (SameDiffDenoiser model = model();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).optimizer(Optimizer.adam(0.02)).build()) {
      trainer.train(data(), 300);

      assertThat(model.parameters().get("w").getDouble(0)).isGreaterThan(0.3);
    }
  }

  @Test
  void resume_withPictureNoiseDropoutAndValidation_isUninterruptedTraining() throws IOException {
    List<INDArray> whole = new ArrayList<>();
    try (SameDiffDenoiser model = model();
        DiffusionTrainer trainer = trainer(model, "whole")) {
      trainer.trainTo(data(), 7);
      model.parameters().values().forEach(weight -> whole.add(weight.dup('c')));
    }
    try (SameDiffDenoiser model = model();
        DiffusionTrainer trainer = trainer(model, "parts")) {
      trainer.trainTo(data(), 3);
    }
    try (SameDiffDenoiser model = model();
        DiffusionTrainer trainer = trainer(model, "parts")) {
      assertThat(trainer.resume()).isEqualTo(3);
      trainer.trainTo(data(), 7);

      assertThat(List.copyOf(model.parameters().values())).isEqualTo(whole);
      assertThat(whole.get(0).getDouble(0)).isNotCloseTo(0, within(1e-3));
    }
  }

  private DiffusionTrainer trainer(SameDiffDenoiser model, String name) {
    return DiffusionTrainer.builder(model)
        .optimizer(Optimizer.adam(0.01))
        .pictureNoise(50)
        .labelDropout(0.2)
        .validation(SampleIterator.of(images().enlarging(2), 8).build(), 3)
        .checkpoints(Checkpoints.in(folder.resolve(name)))
        .seed(9)
        .build();
  }
}
