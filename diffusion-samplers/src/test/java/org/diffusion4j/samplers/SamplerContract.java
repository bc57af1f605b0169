package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What every sampler does that turns noise into samples: with the exact denoiser of a mixture, the
 * samples are of that mixture.
 */
abstract class SamplerContract extends SamplerMechanics {

  private static final int COUNT = 4000;
  private static final NoiseSchedule LINEAR = NoiseSchedule.linear(1000);
  private static final NoiseSchedule SCALED_LINEAR = NoiseSchedule.scaledLinear(100, 0.0085, 0.12);

  /**
   * How far the method itself may be from the exact distribution, on top of four standard errors of
   * the statistics. What its formula does to the mean and the variance of a single Gaussian follows
   * by recursion; the tolerances are those numbers, rounded up.
   *
   * @param share of a mode
   * @param mean of a mode
   * @param deviation of a mode, as a share of it
   */
  record Tolerances(double share, double mean, double deviation) {}

  /** With a linear schedule of 1000 steps and modes of deviation 0.5. */
  abstract Tolerances tolerances();

  /** With a scaled linear schedule of 100 steps and modes of deviation 0.25 and more. */
  abstract Tolerances coarseTolerances();

  @Test
  void samples_of1000StepsAreOfTheMixture() {
    doTest(MixtureDenoiser.twoModes(LINEAR, Prediction.EPSILON), tolerances());
  }

  @ParameterizedTest
  @EnumSource
  void samples_ofTwoModesAreOfTheMixture(Prediction prediction) {
    doTest(MixtureDenoiser.twoModes(SCALED_LINEAR, prediction), coarseTolerances());
  }

  @Test
  void samples_ofThreeUnequalModesAreOfTheMixture() {
    doTest(MixtureDenoiser.threeModes(SCALED_LINEAR, Prediction.EPSILON), coarseTolerances());
  }

  @Test
  void samples_inThePlaneAreOfTheMixture() {
    doTest(MixtureDenoiser.inThePlane(SCALED_LINEAR, Prediction.EPSILON), coarseTolerances());
  }

  @Test
  void samples_areTheSameForEveryPrediction() {
    float[] epsilon = samples(Prediction.EPSILON, SamplingRequest.builder(20).seed(0).build());
    for (Prediction other : List.of(Prediction.SAMPLE, Prediction.VELOCITY)) {
      float[] samples = samples(other, SamplingRequest.builder(20).seed(0).build());
      for (int i = 0; i < samples.length; i++) {
        assertThat(samples[i]).isCloseTo(epsilon[i], within(2e-3f));
      }
    }
  }

  @Test
  void samples_differBetweenSeedsAndFromEachOther() {
    float[] one = samples(Prediction.EPSILON, SamplingRequest.builder(50).seed(1).build());
    float[] two = samples(Prediction.EPSILON, SamplingRequest.builder(50).seed(2).build());
    assertThat(one).doesNotHaveDuplicates().doesNotContain(two);
  }

  @Test
  void sample_ofACountIsTheDefaultRequest() {
    Denoiser model = MixtureDenoiser.twoModes(LINEAR, Prediction.EPSILON);
    try (INDArray samples = sampler().sample(model, 3)) {
      assertThat(Values.of(samples))
          .isEqualTo(samples(Prediction.EPSILON, SamplingRequest.builder(3).seed(0).build()));
    }
  }

  @Test
  void listener_isShownTheCleanSamplesThatTheDenoiserPredicts() {
    NoiseSchedule schedule = NoiseSchedule.linear(100);
    MixtureDenoiser exact = MixtureDenoiser.inThePlane(schedule, Prediction.SAMPLE);
    MixtureDenoiser noise = MixtureDenoiser.inThePlane(schedule, Prediction.EPSILON);
    List<float[]> predicted = new ArrayList<>();
    List<float[]> shown = new ArrayList<>();
    Denoiser recording =
        FunctionDenoiser.of(
            schedule,
            (x, t, c) -> {
              try (INDArray x0 = exact.predict(x, t, c)) {
                predicted.add(Values.of(x0));
              }
              return noise.predict(x, t, c);
            },
            2);
    SamplingRequest request =
        SamplingRequest.builder(4)
            .seed(0)
            .listener(step -> shown.add(Values.of(step.x0())))
            .build();
    SamplerMechanics.samples(sampler(), recording, request);
    assertThat(shown).hasSize(timesteps().length).hasSameSizeAs(predicted);
    for (int k = 0; k < shown.size(); k++) {
      for (int i = 0; i < 8; i++) {
        assertThat(shown.get(k)[i]).isCloseTo(predicted.get(k)[i], within(1e-3f));
      }
    }
  }

  private float[] samples(Prediction prediction, SamplingRequest request) {
    return samples(sampler(), MixtureDenoiser.twoModes(LINEAR, prediction), request);
  }

  private void doTest(MixtureDenoiser mixture, Tolerances tolerances) {
    SamplingRequest request = SamplingRequest.builder(COUNT).batchSize(1000).seed(42).build();
    float[] samples = samples(sampler(), mixture, request);
    int dimension = mixture.dimension();
    for (int k = 0; k < mixture.weights().length; k++) {
      List<float[]> mode = nearest(samples, mixture, k);
      int n = mode.size();
      double weight = mixture.weights()[k];
      double deviation = mixture.deviations()[k];
      assertThat((double) n / COUNT)
          .as("share of mode %s", k)
          .isCloseTo(
              weight, within(tolerances.share() + 4 * Math.sqrt(weight * (1 - weight) / COUNT)));
      for (int d = 0; d < dimension; d++) {
        double sum = 0;
        double squares = 0;
        for (float[] x : mode) {
          sum += x[d];
          squares += x[d] * x[d];
        }
        double mean = sum / n;
        assertThat(mean)
            .as("mean of mode %s in dimension %s", k, d)
            .isCloseTo(
                mixture.means()[k][d], within(tolerances.mean() + 4 * deviation / Math.sqrt(n)));
        assertThat(Math.sqrt(squares / n - mean * mean))
            .as("deviation of mode %s in dimension %s", k, d)
            .isCloseTo(
                deviation, within(deviation * (tolerances.deviation() + 4 / Math.sqrt(2.0 * n))));
      }
    }
  }

  /** The samples that are nearer to a mode, counted in its deviations, than to any other. */
  private static List<float[]> nearest(float[] samples, MixtureDenoiser mixture, int mode) {
    int dimension = mixture.dimension();
    List<float[]> nearest = new ArrayList<>();
    for (int i = 0; i < samples.length; i += dimension) {
      float[] x = Arrays.copyOfRange(samples, i, i + dimension);
      int best = 0;
      for (int k = 1; k < mixture.weights().length; k++) {
        if (distance(x, mixture, k) < distance(x, mixture, best)) {
          best = k;
        }
      }
      if (best == mode) {
        nearest.add(x);
      }
    }
    return nearest;
  }

  private static double distance(float[] x, MixtureDenoiser mixture, int k) {
    double squares = 0;
    for (int d = 0; d < x.length; d++) {
      squares += Math.pow(x[d] - mixture.means()[k][d], 2);
    }
    return Math.sqrt(squares) / mixture.deviations()[k];
  }
}
