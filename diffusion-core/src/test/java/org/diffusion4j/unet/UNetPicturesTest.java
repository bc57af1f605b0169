package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** A U-Net whose input has the channels of pictures behind those of the samples. */
class UNetPicturesTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final INDArray X = gaussian(1, 2, 1, 8, 8);
  private static final INDArray PICTURES = gaussian(2, 2, 2, 8, 8);
  private static final INDArray T = Nd4j.createFromArray(3f, 70f);

  @TempDir Path folder;

  private static UNetConfig.Builder config() {
    return Architectures.tiny().pictureChannels(2).classes(3).nullClass(true);
  }

  private static INDArray gaussian(int seed, long... shape) {
    return PlanAndSession.gaussian(new Random(seed), shape);
  }

  private static Condition condition() {
    return Condition.several(Condition.labels(0, 2), Condition.pictures(PICTURES));
  }

  @Test
  void config_withPictures_isThatOfDiffusers() {
    UNetConfig config = config().build();

    assertThat(config.toJson()).containsEntry("in_channels", 3).containsEntry("out_channels", 1);
    assertThat(config.sampleChannels()).isEqualTo(1);
    assertThat(config.pictureChannels()).isEqualTo(2);
    assertThat(config.toBuilder().build()).isEqualTo(config);
    assertThat(UNetConfig.fromJson(config.toJson(), unknown -> {})).isEqualTo(config);
  }

  @Test
  void config_withPicturesAndAnotherOutput_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Architectures.tiny().pictureChannels(1).outChannels(2).build())
        .withMessage(
            "output channels must be those of a sample, 1, for a network that takes pictures but"
                + " were 2");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Architectures.tiny().pictureChannels(-1).build())
        .withMessage("picture channels must be in [0, 65536] but were -1");
  }

  @Test
  void model_savedAndLoaded_predictsTheSame() throws IOException {
    try (UNet model = UNet.create(config().build(), SCHEDULE, 1);
        INDArray expected = model.predict(X, T, condition())) {
      assertThat(model.sampleShape()).containsExactly(1, 8, 8);
      assertThat(model.learnsVariance()).isFalse();
      assertThat(model.takes()).isEqualTo(Condition.Takes.labels(3, true).withPictures(2));
      assertThat(expected.shape()).containsExactly(2, 1, 8, 8);
      PretrainedModel.of(model).save(folder);
      try (PretrainedModel loaded = PretrainedModel.load(folder);
          INDArray found = loaded.model().predict(X, T, condition())) {
        assertThat(found).isEqualTo(expected);
      }
    }
  }

  /** The first convolution sees them behind the samples. */
  @Test
  void predict_withWeightsOfPicturesAtZero_isThatWithoutPictures() {
    UNetConfig plain = Architectures.tiny().build();
    try (UNet without = UNet.create(plain, SCHEDULE, 1);
        UNet with = UNet.create(plain.toBuilder().pictureChannels(2).build(), SCHEDULE, 1)) {
      without
          .parameters()
          .forEach(
              (name, weight) -> {
                INDArray other = with.parameters().get(name);
                if (name.equals("conv_in.weight")) {
                  other.assign(0);
                  other
                      .get(
                          NDArrayIndex.all(),
                          NDArrayIndex.all(),
                          NDArrayIndex.interval(0, 1),
                          NDArrayIndex.all())
                      .assign(weight);
                } else {
                  other.assign(weight);
                }
              });
      with.weightsChanged();
      INDArray expected = without.predict(X, T, Condition.none());
      INDArray found = with.predict(X, T, Condition.pictures(PICTURES));

      assertThat(found.sub(expected).amaxNumber().doubleValue()).isLessThan(1e-5);
      assertThat(expected.amaxNumber().doubleValue()).isGreaterThan(1e-2);
    }
  }

  @Test
  void predict_withPicturesThatDoNotFit_namesThem() {
    try (UNet model = UNet.create(config().build(), SCHEDULE, 1)) {
      refused(
          model,
          Condition.labels(0, 1),
          "condition must have pictures with 2 channels, which the model accepts, but was"
              + " Condition[labels=[0, 1]]");
      refused(
          model,
          Condition.pictures(Nd4j.zeros(DataType.FLOAT, 2, 1, 8, 8)),
          "channels of pictures must be 2, which the model accepts, but was 1");
      refused(
          model,
          Condition.pictures(Nd4j.zeros(DataType.FLOAT, 2, 2, 4, 4)),
          "pictures must be [n, 2, 8, 8] but were [2, 2, 4, 4]");
    }
  }

  private static void refused(UNet model, Condition condition, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> model.predict(X, T, condition))
        .withMessage(message);
  }

  @Test
  void takes_ofLabelsThatAreTimesteps_hasPictures() {
    UNetConfig config =
        Architectures.tiny().classEmbedding(ClassEmbedding.TIMESTEP).pictureChannels(1).build();
    try (UNet model = UNet.create(config, SCHEDULE, 1)) {
      assertThat(model.takes())
          .isEqualTo(Condition.Takes.labels(Condition.Takes.ANY, false).withPictures(1));
    }
  }
}
