package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.stream.Stream;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.DpmSolverSampler.Algorithm;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every sampler on a schedule whose last timestep is noise alone. */
class ZeroTerminalSnrTest {

  private static final NoiseSchedule SCHEDULE =
      NoiseSchedule.scaledLinear(1000, 0.00085, 0.012).withZeroTerminalSnr();
  private static final Timesteps TRAILING = Timesteps.of(20, Spacing.TRAILING);

  static Stream<LoopSampler<?, ?>> samplers() {
    return Stream.of(
        DdpmSampler.of(DdpmSampler.Variance.BETA, TRAILING),
        DdpmSampler.of(DdpmSampler.Variance.POSTERIOR, TRAILING),
        new DdimSampler(20),
        new DdimSampler(20, 1),
        new EulerSampler(20),
        new EulerSampler(20).withFinalSigma(FinalSigma.MIN),
        new EulerSampler(20).withAncestralNoise(),
        new HeunSampler(Timesteps.of(20, Spacing.KARRAS).withLambdaMin(Double.NEGATIVE_INFINITY)),
        new LmsSampler(20),
        new Kdpm2Sampler(20),
        new Kdpm2Sampler(20).withAncestralNoise(),
        new PndmSampler(TRAILING),
        new DpmSolverSampler(TRAILING),
        new DpmSolverSampler(20).withOrder(3),
        new DpmSolverSampler(20).withAlgorithm(Algorithm.DPM_SOLVER).withFinalSigma(FinalSigma.MIN),
        new DpmSolverSampler(20).withAlgorithm(Algorithm.SDE_DPM_SOLVER_PLUS_PLUS),
        new DpmSolverSinglestepSampler(20),
        inNoise(10, 2),
        inNoise(10, 3),
        inNoise(20, 3),
        new UniPcSampler(20),
        new UniPcSampler(20).withEpsilon().withFinalSigma(FinalSigma.MIN),
        new DeisSampler(20),
        new LcmSampler(20),
        new TcdSampler(20));
  }

  /** The solver that extrapolates noise, from which its first step would go far astray. */
  private static LoopSampler<?, ?> inNoise(int steps, int order) {
    return new DpmSolverSinglestepSampler(Timesteps.of(steps, Spacing.TRAILING))
        .withOrder(order)
        .withAlgorithm(Algorithm.DPM_SOLVER)
        .withFinalSigma(FinalSigma.MIN);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samplers")
  void noisePrediction_isRefusedBeforeTheFirstCall(LoopSampler<?, ?> sampler) {
    Denoiser model =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              throw new IllegalStateException("asked");
            },
            1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampler.sample(model, 3))
        .withMessage(
            "the denoiser must predict velocities or samples where the schedule's alphaBar is 0, at"
                + " timestep 999, but predicts noise: use such a model, a schedule without zero"
                + " terminal SNR, or timesteps below 999");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samplers")
  void otherPredictions_makeSamples(LoopSampler<?, ?> sampler) {
    for (Prediction prediction : new Prediction[] {Prediction.SAMPLE, Prediction.VELOCITY}) {
      double[] values = sample(sampler, prediction);
      assertThat(values[0]).as("mean").isBetween(0.15, 0.45);
      assertThat(values[1]).as("deviation").isBetween(0.3, 0.7);
    }
  }

  @Test
  void noisePrediction_withoutTheLastTimestepMakesSamples() {
    Timesteps leading = Timesteps.of(20, Spacing.LEADING);
    for (LoopSampler<?, ?> sampler :
        new LoopSampler<?, ?>[] {
          new DdimSampler(leading, 0),
          new EulerSampler(leading),
          new PndmSampler(leading),
          new HeunSampler(20)
        }) {
      double[] values = sample(sampler, Prediction.EPSILON);
      assertThat(values[0]).as("mean").isBetween(0.15, 0.45);
      assertThat(values[1]).as("deviation").isBetween(0.3, 0.7);
    }
  }

  @Test
  void stochasticEquationInNoise_inLongStepsFromNoiseAloneIsRefused() {
    for (LoopSampler<?, ?> sampler :
        new LoopSampler<?, ?>[] {
          new DpmSolverSampler(20)
              .withAlgorithm(Algorithm.SDE_DPM_SOLVER)
              .withFinalSigma(FinalSigma.MIN),
          new DpmSolverSinglestepSampler(20)
              .withAlgorithm(Algorithm.SDE_DPM_SOLVER)
              .withFinalSigma(FinalSigma.MIN)
        }) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> sample(sampler, Prediction.VELOCITY))
          .withMessageStartingWith("steps of SDE_DPM_SOLVER from noise alone, ");
    }
  }

  /** Mean and deviation of samples of N(0.3, 0.25). */
  private static double[] sample(LoopSampler<?, ?> sampler, Prediction prediction) {
    Denoiser exact =
        new MixtureDenoiser(
            SCHEDULE, prediction, new double[][] {{0.3}}, new double[] {0.5}, new double[] {1});
    float[] samples =
        SamplerMechanics.samples(
            sampler, exact, SamplingRequest.builder(400).batchSize(400).seed(1).build());
    double sum = 0;
    double squares = 0;
    for (float x : samples) {
      sum += x;
      squares += x * x;
    }
    double mean = sum / samples.length;
    return new double[] {mean, Math.sqrt(squares / samples.length - mean * mean)};
  }
}
