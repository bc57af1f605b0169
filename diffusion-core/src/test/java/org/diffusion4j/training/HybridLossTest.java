package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.training.NoisyBatches.normal;

import java.util.Arrays;
import org.assertj.core.data.Percentage;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.samplers.MixtureDenoiser;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class HybridLossTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(50, 1e-3, 0.1);
  private static final int[] T = {0, 0, 1, 20, 49};
  private static final int LENGTH = 6;
  private static final double LAMBDA = 0.02;

  /** 8-bit values, with both ends among them. */
  private static INDArray images() {
    float[] values = new float[T.length * LENGTH];
    for (int i = 0; i < values.length; i++) {
      values[i] = (37 * i % 256) / 127.5f - 1;
    }
    values[1] = 1;
    values[2] = -1;
    return Nd4j.create(values, new long[] {T.length, 1, 2, 3}, 'c');
  }

  private static Loss.NoisyBatch batch(Prediction prediction) {
    return NoisyBatches.of(images(), SCHEDULE, prediction, T);
  }

  private static float[] output(int sample) {
    float[] output = normal(11 + sample, 2 * LENGTH).toFloatVector();
    if (sample == 1) {
      output[LENGTH] = -9; // so narrow that values lie far outside
    }
    return output;
  }

  /** The bound of one value in nats, from the two distributions as papers write them. */
  private static double bound(Loss.NoisyBatch batch, int sample, int i, float[] output) {
    int t = T[sample];
    double alphaBar = SCHEDULE.alphaBar(t);
    double x0 = batch.x0().getDouble(sample, 0, i / 3, i % 3);
    double xt = batch.xt().getDouble(sample, 0, i / 3, i % 3);
    double estimate =
        switch (batch.prediction()) {
          case EPSILON -> (xt - Math.sqrt(1 - alphaBar) * output[i]) / Math.sqrt(alphaBar);
          case SAMPLE -> output[i];
          case VELOCITY -> Math.sqrt(alphaBar) * xt - Math.sqrt(1 - alphaBar) * output[i];
          case EDM -> Math.sqrt(alphaBar) * xt + Math.sqrt(1 - alphaBar) * output[i];
          case FLOW ->
              (xt - Math.sqrt(1 - alphaBar) * output[i])
                  / (Math.sqrt(alphaBar) + Math.sqrt(1 - alphaBar));
          case SCORE -> (xt + (1 - alphaBar) * output[i]) / Math.sqrt(alphaBar);
        };
    double share = (output[LENGTH + i] + 1) / 2;
    double posterior = SCHEDULE.posteriorVariance(Math.max(1, t));
    double variance = Math.pow(SCHEDULE.beta(t), share) * Math.pow(posterior, 1 - share);
    if (t == 0) {
      double deviation = Math.sqrt(variance);
      double below = x0 < -0.999 ? -1e9 : (x0 - 1 / 255.0 - estimate) / deviation;
      double above = x0 > 0.999 ? 1e9 : (x0 + 1 / 255.0 - estimate) / deviation;
      return -NormalInterval.logProbability(below, above);
    }
    double ofX0 = Math.sqrt(SCHEDULE.alphaBar(t - 1)) * SCHEDULE.beta(t) / (1 - alphaBar);
    double ofXt = Math.sqrt(SCHEDULE.alpha(t)) * (1 - SCHEDULE.alphaBar(t - 1)) / (1 - alphaBar);
    double distance = ofX0 * x0 + ofXt * xt - (ofX0 * estimate + ofXt * xt);
    return 0.5 * (Math.log(variance / posterior) - 1)
        + (posterior + distance * distance) / (2 * variance);
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void loss_isTheSimpleOneAndTheBoundOfAllTimesteps(Prediction prediction) {
    Loss.NoisyBatch batch = batch(prediction);
    SampleLoss hybrid = Loss.hybrid(LAMBDA).of(batch);
    SampleLoss simple = Loss.meanSquaredError().of(batch);
    for (int sample = 0; sample < T.length; sample++) {
      float[] output = output(sample);
      double bound = 0;
      for (int i = 0; i < LENGTH; i++) {
        bound += bound(batch, sample, i, output);
      }
      float[] half = Arrays.copyOf(output, LENGTH);
      double expected =
          simple.of(sample, half, new float[LENGTH]) + LAMBDA * 50 * bound / (T.length * LENGTH);
      assertThat(hybrid.of(sample, output, new float[2 * LENGTH]))
          .isCloseTo(expected, Percentage.withPercentage(1e-4));
    }
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void gradient_byTheVariance_isThatOfFiniteDifferences(Prediction prediction) {
    SampleLoss loss = Loss.hybrid(LAMBDA).of(batch(prediction));
    for (int sample = 0; sample < T.length; sample++) {
      float[] output = output(sample);
      float[] gradient = new float[2 * LENGTH];
      loss.of(sample, output, gradient);
      for (int i = LENGTH; i < 2 * LENGTH; i++) {
        assertThat((double) gradient[i])
            .as("timestep %s, value %s", T[sample], i)
            .isCloseTo(difference(loss, sample, output, i), Percentage.withPercentage(1e-3));
      }
    }
  }

  /** Richardson's extrapolation of central differences. */
  private static double difference(SampleLoss loss, int sample, float[] output, int i) {
    double wide = difference(loss, sample, output, i, 0x1p-5f);
    double narrow = difference(loss, sample, output, i, 0x1p-6f);
    return (4 * narrow - wide) / 3;
  }

  private static double difference(
      SampleLoss loss, int sample, float[] output, int i, float width) {
    float[] up = output.clone();
    float[] down = output.clone();
    up[i] += width;
    down[i] -= width;
    float[] unused = new float[output.length];
    double rise = loss.of(sample, up, unused) - loss.of(sample, down, unused);
    return rise / ((double) up[i] - down[i]);
  }

  @Test
  void gradient_byThePrediction_isThatOfTheSimpleLossAlone() {
    Loss.NoisyBatch batch = batch(Prediction.EPSILON);
    SampleLoss hybrid = Loss.hybrid(LAMBDA).of(batch);
    SampleLoss simple = Loss.meanSquaredError().of(batch);
    for (int sample = 0; sample < T.length; sample++) {
      float[] both = new float[2 * LENGTH];
      float[] one = new float[LENGTH];
      hybrid.of(sample, output(sample), both);
      simple.of(sample, Arrays.copyOf(output(sample), LENGTH), one);
      assertThat(Arrays.copyOf(both, LENGTH)).containsExactly(one);
    }
  }

  @Test
  void gradients_ofANetwork_leadDownhill() {
    UNetConfig config =
        UNetConfig.builder(1, 2, 3)
            .outChannels(2)
            .blockOutChannels(4)
            .downBlocks(Block.PLAIN)
            .layersPerBlock(1)
            .normGroups(1)
            .midAttention(false)
            .build();
    Loss hybrid = Loss.hybrid(LAMBDA);
    try (UNet model = UNet.create(config, SCHEDULE, 1);
        INDArray time = Nd4j.createFromArray(0f, 0f, 1f, 20f, 49f);
        Optimizer.Run optimizer = Optimizer.adam(2e-2).start(model.parameters())) {
      hybrid.check(model);
      Loss.NoisyBatch batch = batch(Prediction.EPSILON);
      SampleLoss loss = hybrid.of(batch);
      double first = 0;
      double last = 0;
      for (int step = 0; step < 15; step++) {
        try (Gradients gradients = model.gradients(batch.xt(), time, Condition.none(), loss)) {
          first = step == 0 ? gradients.loss() : first;
          last = gradients.loss();
          optimizer.step(gradients.of());
        }
      }
      assertThat(last).isLessThan(first / 2);
    }
  }

  @Test
  void loss_ofValuesThatNoImageHas_refuses() {
    Loss.NoisyBatch batch = NoisyBatches.of(images().mul(1.5), SCHEDULE, Prediction.EPSILON, T);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Loss.hybrid().of(batch))
        .withMessage(
            "values must be in [-1, 1] for the likelihood of 8-bit images but one was -1.5");
  }

  @Test
  void loss_ofOutputsWithoutVariance_refuses() {
    SampleLoss loss = Loss.hybrid().of(batch(Prediction.EPSILON));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> loss.of(0, new float[LENGTH], new float[LENGTH]))
        .withMessage("outputs must have 12 values per sample but had 6");
  }

  @Test
  void check_ofAModelOfFixedVariance_refuses() {
    Denoiser fixed = MixtureDenoiser.twoModes(SCHEDULE, Prediction.EPSILON);
    assertThatCode(() -> Loss.hybrid().check(new WithVariance(fixed, t -> 0)))
        .doesNotThrowAnyException();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Loss.hybrid().check(fixed))
        .withMessage(
            "a model with a fixed variance must be trained with a mean squared error but the loss"
                + " was hybrid(lambda=0.001)");
  }

  @Test
  void check_ofNoiseThatSaysNothingOfX0_refuses() {
    NoiseSchedule schedule = SCHEDULE.withZeroTerminalSnr();
    Denoiser velocity = MixtureDenoiser.twoModes(schedule, Prediction.VELOCITY);
    assertThatCode(() -> Loss.hybrid().check(new WithVariance(velocity, t -> 0)))
        .doesNotThrowAnyException();
    Denoiser noise = MixtureDenoiser.twoModes(schedule, Prediction.EPSILON);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Loss.hybrid().check(new WithVariance(noise, t -> 0)))
        .withMessage(
            "alphaBar must be above 0 for the bound of a model that predicts EPSILON but was 0 at"
                + " timestep 49");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
  void hybrid_ofNoPositiveLambda_refuses(double lambda) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Loss.hybrid(lambda))
        .withMessage("lambda must be positive and finite but was " + lambda);
  }

  @Test
  void eightBit_ofAllValues_hasProbabilityOne() {
    for (double logVariance : new double[] {-12, -4, 0, 3}) {
      double sum = 0;
      for (int k = 0; k < 256; k++) {
        sum += Math.exp(-EightBit.nats(k / 127.5 - 1, 0.3, logVariance));
      }
      assertThat(sum).isCloseTo(1, within(1e-9));
    }
  }
}
