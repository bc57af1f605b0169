package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.HeunSampler.Churn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Samplers with denoisers of every process and every kind of prediction. */
class ProcessTest {

  private static final Map<String, NoiseSchedule> PROCESSES =
      Map.of(
          "variance exploding", NoiseSchedule.varianceExploding(1000, 0.01, 50),
          "edm", NoiseSchedule.edm(1000),
          "flow", NoiseSchedule.flow(1000),
          "trigonometric", NoiseSchedule.trigonometric(1000),
          "linear", NoiseSchedule.linear(1000));

  private static final Timesteps LEVELS = Timesteps.sigmas(20, 9, 4, 2, 1, 0.5, 0.2, 0.05);

  private static final List<LoopSampler<?, ?>> METHODS =
      List.of(
          new EulerSampler(LEVELS),
          new EulerSampler(LEVELS).withChurn(Churn.of(2)),
          new EulerSampler(LEVELS).withAncestralNoise(),
          new HeunSampler(LEVELS).withChurn(Churn.of(2)),
          new Kdpm2Sampler(LEVELS),
          new LmsSampler(LEVELS),
          new DpmSolverSampler(LEVELS),
          new DpmSolverSampler(LEVELS)
              .withAlgorithm(DpmSolverSampler.Algorithm.SDE_DPM_SOLVER_PLUS_PLUS),
          new DpmSolverSinglestepSampler(LEVELS),
          new UniPcSampler(LEVELS));

  static Stream<Arguments> kinds() {
    return PROCESSES.keySet().stream()
        .flatMap(
            name ->
                Stream.of(Prediction.values())
                    .filter(prediction -> fits(prediction, name))
                    .map(prediction -> Arguments.of(name, prediction)));
  }

  private static boolean fits(Prediction prediction, String process) {
    boolean velocity = prediction == Prediction.VELOCITY || prediction == Prediction.EDM;
    return !velocity || !(process.equals("flow") || process.equals("variance exploding"));
  }

  /** The reference is a process that preserves variance, whose denoiser predicts clean samples. */
  @ParameterizedTest
  @MethodSource("kinds")
  void samples_dependNeitherOnTheProcessNorOnThePrediction(String process, Prediction prediction) {
    NoiseSchedule schedule = PROCESSES.get(process);
    for (LoopSampler<?, ?> method : METHODS) {
      float[] expected = samples(method, NoiseSchedule.trigonometric(1000), Prediction.SAMPLE);
      float[] actual = samples(method, schedule, prediction);
      for (int i = 0; i < expected.length; i++) {
        assertThat(actual[i]).as("%s, %d", method, i).isCloseTo(expected[i], within(2e-3f));
      }
    }
  }

  private static float[] samples(
      LoopSampler<?, ?> method, NoiseSchedule schedule, Prediction prediction) {
    return SamplerMechanics.samples(
        method,
        MixtureDenoiser.twoModes(schedule, prediction),
        SamplingRequest.builder(12).seed(4).build());
  }

  /** Samples of N(0.3, 0.25), from the steps that a sampler chooses itself. */
  @ParameterizedTest
  @ValueSource(strings = {"variance exploding", "edm", "flow", "trigonometric"})
  void namedSampler_ofAnyProcess_samplesTheDistribution(String process) {
    NoiseSchedule schedule = PROCESSES.get(process);
    for (String name : Samplers.names()) {
      if (name.equals("lcm") || name.equals("consistency")) {
        continue;
      }
      MixtureDenoiser exact =
          new MixtureDenoiser(
              schedule,
              Prediction.SAMPLE,
              new double[][] {{0.3}},
              new double[] {0.5},
              new double[] {1});
      float[] samples =
          SamplerMechanics.samples(
              Samplers.named(name, 40), exact, SamplingRequest.builder(400).seed(0).build());
      double sum = 0;
      double squares = 0;
      for (float x : samples) {
        sum += x;
        squares += x * x;
      }
      double mean = sum / samples.length;
      double deviation = Math.sqrt(squares / samples.length - mean * mean);
      assertThat(mean).as(name).isCloseTo(0.3, within(0.12));
      assertThat(deviation).as(name).isCloseTo(0.5, within(0.12));
    }
  }

  @Test
  void velocity_ofAProcessThatDoesNotPreserveVariance_isRefusedBeforeTheFirstCall() {
    NoiseSchedule schedule = NoiseSchedule.flow(100);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> samples(METHODS.get(0), schedule, Prediction.VELOCITY))
        .withMessage(
            "prediction must be EPSILON, SAMPLE, FLOW or SCORE for a process that does not preserve"
                + " variance, FlowProcess[steps=100], but was VELOCITY");
  }

  @Test
  void method_thatNeedsTimesteps_isRefusedInContinuousTime() {
    NoiseSchedule schedule = NoiseSchedule.edm(100);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> samples(new LcmSampler(4), schedule, Prediction.SAMPLE))
        .withMessageStartingWith("schedule must be in discrete time for LcmSampler but was ");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> samples(new PndmSampler(10).withRungeKuttaStart(), schedule, Prediction.SAMPLE))
        .withMessageStartingWith("schedule must be in discrete time for PndmSampler but was ");
  }

  @Test
  void noise_predictedAtNoSignal_isRefusedBeforeTheFirstCall() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> samples(new DdimSampler(10), NoiseSchedule.flow(100), Prediction.EPSILON))
        .withMessageStartingWith("the denoiser must predict velocities or samples where ");
  }
}
