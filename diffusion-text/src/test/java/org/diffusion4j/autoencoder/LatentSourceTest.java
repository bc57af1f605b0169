package org.diffusion4j.autoencoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.autoencoder.AutoencoderKL.Moments;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class LatentSourceTest {

  private static final AutoencoderKL MODEL =
      AutoencoderKL.create(
          AutoencoderKL.Config.of(AutoencoderBlocks.of(1, 2, 4, List.of(4, 8)), 16)
              .withScaling(new LatentScaling(0.5, 0.25, null, null)),
          1);
  private static final INDArray IMAGES = Nd4j.rand(5, 1, 8, 8).muli(2).subi(1);
  private static final SampleSource SOURCE = SampleSource.of(IMAGES, new int[] {0, 1, 0, 1, 1}, 2);

  @AfterAll
  static void close() {
    MODEL.close();
  }

  private static float[] read(SampleSource source, int index, int epoch) throws IOException {
    float[] values = new float[32];
    source.read(index, epoch, values);
    return values;
  }

  @Test
  void samples_areScaledModes() throws IOException {
    LatentSource latents = LatentSource.of(SOURCE, MODEL, 2);
    assertThat(latents.size()).isEqualTo(5);
    assertThat(latents.sampleShape()).containsExactly(2, 4, 4);
    assertThat(latents.label(3)).isEqualTo(1);
    assertThat(latents.classes()).isEqualTo(2);
    float[] expected = FloatArrays.of(MODEL.scaling().scaled(MODEL.encode(IMAGES)));
    for (int i = 0; i < 5; i++) {
      assertThat(read(latents, i, i)).isEqualTo(Arrays.copyOfRange(expected, 32 * i, 32 * (i + 1)));
    }
    double deviation = latents.standardDeviation();
    assertThat(deviation)
        .isCloseTo(Nd4j.createFromArray(expected).stdNumber(false).doubleValue(), within(1e-5));
    assertThat(latents.description())
        .isEqualTo(LatentSource.of(SOURCE, MODEL, 5).description())
        .isNotEqualTo(LatentSource.drawn(SOURCE, MODEL, 5, 1).description());
  }

  @Test
  void drawnSamples_haveMeanAndVarianceOfTheEncoder() throws IOException {
    LatentSource latents = LatentSource.drawn(SOURCE, MODEL, 3, 7);
    assertThat(read(latents, 2, 1))
        .isEqualTo(read(LatentSource.drawn(SOURCE, MODEL, 5, 7), 2, 1))
        .isNotEqualTo(read(latents, 2, 2))
        .isNotEqualTo(read(LatentSource.drawn(SOURCE, MODEL, 5, 8), 2, 1));
    int epochs = 2000;
    double sum = 0;
    double squares = 0;
    for (int epoch = 0; epoch < epochs; epoch++) {
      double value = read(latents, 4, epoch)[9];
      sum += value;
      squares += value * value;
    }
    double mean = sum / epochs;
    double deviation = Math.sqrt(squares / epochs - mean * mean);
    try (Moments moments = MODEL.moments(IMAGES)) {
      float[] means = FloatArrays.of(moments.mean());
      float[] logs = FloatArrays.of(moments.logVariance());
      double expected = Math.exp(0.5 * logs[4 * 32 + 9]) * 0.5;
      assertThat(mean).isCloseTo((means[4 * 32 + 9] - 0.25) * 0.5, within(4 * expected / 44));
      assertThat(deviation).isCloseTo(expected, within(0.08 * expected));
    }
  }

  @Test
  void iterator_readsOtherDrawsInEachEpoch() throws IOException {
    LatentSource latents = LatentSource.drawn(SOURCE, MODEL, 3, 7);
    try (SampleIterator batches = SampleIterator.of(latents, 5).build()) {
      INDArray first = batches.next().getFeatures();
      batches.reset();
      INDArray second = batches.next().getFeatures();
      assertThat(first.slice(2).dup().data().asFloat()).isEqualTo(read(latents, 2, 0));
      assertThat(second.slice(2).dup().data().asFloat()).isEqualTo(read(latents, 2, 1));
    }
  }

  @Test
  void unet_isTrainedOnLatents() throws IOException {
    UNetConfig config =
        UNetConfig.builder(2, 4, 4)
            .blockOutChannels(8)
            .downBlocks(UNetConfig.Block.PLAIN)
            .upBlocks(UNetConfig.Block.PLAIN)
            .normGroups(4)
            .classes(2)
            .build();
    try (UNet model = UNet.create(config, NoiseSchedule.cosine(50), 0);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      trainer.train(
          SampleIterator.of(LatentSource.drawn(SOURCE, MODEL, 3, 7), 5).shuffle(1).build(), 3);
      assertThat(trainer.steps()).isEqualTo(3);
    }
  }

  @Test
  void otherImages_areRefused() {
    SampleSource coloured = SampleSource.of(Nd4j.rand(2, 3, 8, 8));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LatentSource.of(coloured, MODEL, 2))
        .withMessage("images must be [1, height, width] but were [3, 8, 8]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LatentSource.of(SOURCE, MODEL, 0))
        .withMessage("batch size must be at least 1 but was 0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LatentSource.of(SampleSource.of(Nd4j.rand(2, 1, 1, 8)), MODEL, 2));
  }
}
