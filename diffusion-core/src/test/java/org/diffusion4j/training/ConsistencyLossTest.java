package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Consistency tuning: ECT (Geng et al. 2024). */
class ConsistencyLossTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.cosine(50);

  private static Mlp mlp(Prediction prediction, int width) {
    return Mlp.create(new Mlp.Config(1, width, 2), SCHEDULE, prediction, 1);
  }

  /** Modes at -0.6 and 0.6 with deviation 0.1. */
  private static double[][] mixture(int n) {
    Random random = new Random(3);
    double[][] rows = new double[n][1];
    for (int i = 0; i < n; i++) {
      rows[i][0] = (i % 2 == 0 ? -0.6 : 0.6) + 0.1 * random.nextGaussian();
    }
    return rows;
  }

  /** The Wasserstein-1 distance of samples from the mixture. */
  private static double distance(Sampler sampler, Mlp model) {
    int n = 2000;
    double[] right = Arrays.stream(mixture(n)).mapToDouble(row -> row[0]).sorted().toArray();
    SamplingRequest request = SamplingRequest.builder(n).seed(9).batchSize(n).build();
    try (SamplingResult result = sampler.sample(model, request)) {
      double[] found = result.samples().reshape(n).toDoubleVector();
      Arrays.sort(found);
      double sum = 0;
      for (int i = 0; i < n; i++) {
        sum += Math.abs(found[i] - right[i]);
      }
      return sum / n;
    }
  }

  private static void train(Mlp model, Loss loss, double rate, int steps) {
    try (DiffusionTrainer trainer =
        DiffusionTrainer.builder(model)
            .optimizer(Optimizer.adam(LearningRates.cosine(rate, steps)))
            .loss(loss)
            .seed(2)
            .build()) {
      trainer.train(
          SampleIterator.of(SampleSource.ofVectors(mixture(1024)), 128).shuffle(1).build(), steps);
    }
  }

  @Test
  void tunedModel_samplesInOneStepAndInTwo() {
    Sampler one = Samplers.named("consistency", 1);
    Sampler two = Samplers.named("consistency", 2);
    try (Mlp model = mlp(Prediction.VELOCITY, 32)) {
      train(model, Loss.meanSquaredError(), 5e-3, 1500);
      double before = distance(one, model);
      assertThat(before).isGreaterThan(0.4);
      for (double closeness : new double[] {0.5, 0.75, 0.875, 0.94}) {
        train(model, Loss.consistency(model, closeness), 2e-3, 800);
      }
      // Without the weight of a level the last stages undo what the first reach: 0.15.
      assertThat(distance(one, model)).isLessThan(0.1);
      assertThat(distance(two, model)).isLessThan(0.1);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Prediction.class,
      names = {"SAMPLE", "VELOCITY"})
  void gradient_isTheDerivativeOfTheLoss(Prediction prediction) {
    try (Mlp model = mlp(prediction, 8);
        INDArray x0 = Nd4j.createFromArray(new float[][] {{0.3f}, {-0.5f}, {0.7f}});
        INDArray noise = Nd4j.createFromArray(new float[][] {{1.1f}, {0.4f}, {-0.8f}})) {
      int[] t = {40, 20, 0};
      try (INDArray xt = new ForwardProcess(SCHEDULE).noisy(x0, noise, t)) {
        Loss.NoisyBatch batch = new Loss.NoisyBatch(x0, noise, xt, t, SCHEDULE, prediction);
        SampleLoss loss = Loss.consistency(model, 0.5).of(batch, Condition.none());
        for (int i = 0; i < 3; i++) {
          float[] gradient = new float[1];
          float[] ignored = new float[1];
          float step = 1e-3f;
          loss.of(i, new float[] {0.2f}, gradient);
          double up = loss.of(i, new float[] {0.2f + step}, ignored);
          double down = loss.of(i, new float[] {0.2f - step}, ignored);
          assertThat((double) gradient[0]).isCloseTo((up - down) / (2 * step), within(2e-3));
        }
      }
    }
  }

  /** In a process whose samples are of another scale than the data as well. */
  @Test
  void closenessZero_hasTheDataAsTarget() {
    NoiseSchedule edm = NoiseSchedule.edm(50, 0.01, 50, 0.5);
    try (Mlp model = mlp(Prediction.SAMPLE, 8);
        Mlp scaled = Mlp.create(new Mlp.Config(1, 8, 2), edm, Prediction.SAMPLE, 1);
        INDArray x0 = Nd4j.createFromArray(new float[][] {{0.3f}});
        INDArray noise = Nd4j.createFromArray(new float[][] {{1.1f}})) {
      for (Mlp each : List.of(model, scaled)) {
        Loss.NoisyBatch batch =
            new Loss.NoisyBatch(
                x0, noise, noise, new int[] {30}, each.schedule(), Prediction.SAMPLE);
        SampleLoss loss = Loss.consistency(each, 0).of(batch, Condition.none());
        assertThat(loss.of(0, new float[] {0.3f}, new float[1])).isCloseTo(0, within(1e-6));
      }
    }
  }

  @Test
  void badInput_isNamed() {
    try (Mlp model = mlp(Prediction.VELOCITY, 8);
        Mlp noise = mlp(Prediction.EPSILON, 8)) {
      assertThatThrownBy(() -> Loss.consistency(model, 1))
          .hasMessageContaining("closeness must be in [0, 1) but was 1.0");
      assertThatThrownBy(
              () -> DiffusionTrainer.builder(noise).loss(Loss.consistency(noise, 0)).build())
          .hasMessageContaining("must be of a model that predicts samples or velocities");
      assertThatThrownBy(
              () -> DiffusionTrainer.builder(noise).loss(Loss.consistency(model, 0)).build())
          .hasMessageContaining("must be of the model that is trained");
    }
  }
}
