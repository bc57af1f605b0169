package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Every sampler in 20 steps, with each prediction, on the linear and the cosine schedule, clipped
 * or not. The denoiser is that of a mixture with an error such as networks have: an exact one hides
 * that x_0 does not follow from predicted noise where there is hardly any signal.
 */
class NoiseLimitTest {

  private static final NoiseSchedule COSINE = NoiseSchedule.cosine(1000);
  private static final NoiseSchedule FLOW = NoiseSchedule.flow(1000);
  private static final int STEPS = 20;
  private static final int COUNT = 1000;

  /** A share of the root mean square of what the denoiser returns. */
  private static final double ERROR = 0.01;

  static Stream<Sampler> samplers() {
    Timesteps logSnr = Timesteps.of(STEPS, Spacing.LOG_SNR);
    DpmSolverSampler.Algorithm noise = DpmSolverSampler.Algorithm.DPM_SOLVER;
    Timesteps.FinalSigma min = Timesteps.FinalSigma.MIN;
    return Stream.concat(
        Samplers.names().stream().map(name -> Samplers.named(name, STEPS)),
        Stream.of(
            new DdimSampler(STEPS, 1),
            new DdimSampler(Timesteps.of(STEPS, Spacing.LEADING), 0),
            new EulerSampler(Timesteps.of(STEPS, Spacing.LINSPACE)),
            new EulerSampler(STEPS).withChurn(HeunSampler.Churn.of(5)),
            new HeunSampler(STEPS).withChurn(HeunSampler.Churn.of(5)),
            new HeunSampler(Timesteps.of(STEPS, Spacing.TRAILING)),
            new PndmSampler(Timesteps.of(STEPS, Spacing.TRAILING)),
            new PndmSampler(STEPS).withRungeKuttaStart(),
            new DpmSolverSampler(Timesteps.of(STEPS, Spacing.LINSPACE)),
            new DpmSolverSampler(STEPS).withHeunSteps(),
            new DpmSolverSampler(logSnr).withOrder(3),
            new DpmSolverSampler(logSnr).withAlgorithm(noise).withFinalSigma(min),
            new DpmSolverSinglestepSampler(logSnr).withOrder(3),
            new DpmSolverSinglestepSampler(logSnr).withAlgorithm(noise).withFinalSigma(min),
            new UniPcSampler(STEPS).withOrder(3),
            new UniPcSampler(logSnr).withEpsilon().withFinalSigma(min),
            new DeisSampler(logSnr).withOrder(3)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("samplers")
  void samples_ofEveryPredictionAndScheduleAreOfTheMixture(Sampler sampler) {
    LoopSampler<?, ?> given = (LoopSampler<?, ?>) sampler;
    List<String> wrong = new ArrayList<>();
    for (NoiseSchedule schedule : List.of(NoiseSchedule.linear(1000), COSINE)) {
      for (Prediction prediction : Prediction.values()) {
        for (X0Correction correction : List.of(X0Correction.none(), X0Correction.clip(1))) {
          Moments found = Moments.of(given.withCorrection(correction), schedule, prediction);
          if (!found.fit()) {
            boolean clips = correction != X0Correction.none();
            wrong.add(
                (schedule == COSINE ? "cosine " : "linear ")
                    + prediction
                    + (clips ? " clipped " : " ")
                    + found);
          }
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  /** Without those that take whole timesteps. */
  static Stream<Sampler> samplersOfNoiseLevels() {
    return samplers()
        .filter(s -> !(s instanceof LcmSampler) && !s.toString().contains("Runge-Kutta"));
  }

  /** The highest level of straight paths has no signal at all. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("samplersOfNoiseLevels")
  void samples_ofStraightPathsAreOfTheMixture(Sampler sampler) {
    LoopSampler<?, ?> given = (LoopSampler<?, ?>) sampler;
    for (X0Correction correction : List.of(X0Correction.none(), X0Correction.clip(1))) {
      assertThat(Moments.of(given.withCorrection(correction), FLOW, Prediction.FLOW))
          .matches(Moments::fit);
    }
  }

  /** What the limit is for. */
  @Test
  void samples_withoutTheLimitAreWrong() {
    for (UnaryOperator<Timesteps> choice :
        List.<UnaryOperator<Timesteps>>of(
            t -> t.withLambdaMin(Double.NEGATIVE_INFINITY),
            t -> Timesteps.list(t.descending(1000)))) {
      Timesteps chosen = choice.apply(Timesteps.of(STEPS, Spacing.TRAILING));
      DpmSolverSampler sampler = new DpmSolverSampler(chosen);
      assertThat(Moments.of(sampler, COSINE, Prediction.EPSILON).fit()).isFalse();
      assertThat(sampler.fitted(noisy(COSINE, Prediction.EPSILON))).isSameAs(sampler);
    }
  }

  @Test
  void warning_saysWhatHelps() {
    Timesteps list = Timesteps.list(999, 500);
    assertThat(new DpmSolverSampler(list).warning(COSINE))
        .isEqualTo(
            "DpmSolverSampler: a step from lambda below -3.5 multiplies the error of predicted"
                + " noise by 14237: use Timesteps.withLambdaMin(-3.5), clipping, or a model that"
                + " predicts velocities");
  }

  @Test
  void limit_isOnlyWhereItIsNeeded() {
    for (LoopSampler<?, ?> sampler :
        List.of(
            new DdimSampler(Timesteps.of(STEPS, Spacing.LEADING), 0),
            DdpmSampler.withBeta(),
            new PndmSampler(STEPS))) {
      assertThat(sampler.fitted(noisy(COSINE, Prediction.EPSILON))).isSameAs(sampler);
    }
    DpmSolverSampler solver = new DpmSolverSampler(STEPS);
    assertThat(solver.fitted(noisy(COSINE, Prediction.VELOCITY))).isSameAs(solver);
    assertThat(solver.fitted(noisy(NoiseSchedule.linear(1000), Prediction.EPSILON)))
        .isSameAs(solver);
    assertThat(solver.fitted(noisy(COSINE, Prediction.EPSILON)).transitions(COSINE).get(0).from())
        .satisfies(level -> assertThat(level.lambda()).isBetween(-3.5, -3.0));
  }

  @Test
  void limit_ofSpacedNoiseLevelsIsThatOfTheHighest() {
    HeunSampler karras = new HeunSampler(STEPS);
    assertThat(karras.transitions(COSINE).get(0).from().lambda()).isBetween(-5.1, -4.0);
    Timesteps all = Timesteps.of(STEPS, Spacing.KARRAS).withLambdaMin(Double.NEGATIVE_INFINITY);
    assertThat(new HeunSampler(all).transitions(COSINE).get(0).from().sigma())
        .isCloseTo(COSINE.sigma(999), within(1e-6));
  }

  /** Inversion takes the same steps as the sampler that it inverts. */
  @Test
  void limit_ofInversionIsThatOfSampling() {
    Denoiser model = noisy(COSINE, Prediction.EPSILON);
    Timesteps trailing = Timesteps.of(STEPS, Spacing.TRAILING);
    List<Transition> up = new DdimInversion(trailing).fitted(model).transitions(COSINE);
    List<Transition> down = new DdimSampler(STEPS).fitted(model).transitions(COSINE);
    assertThat(up.get(STEPS - 1).t()).isEqualTo(down.get(0).t()).isLessThan(999);
  }

  /** Configurations give the numbers that they give in Python. */
  @Test
  void configurations_haveNoLimitButTheirOwn() {
    for (String name :
        List.of("DPMSolverMultistepScheduler", "DDIMScheduler", "EulerDiscreteScheduler")) {
      SchedulerConfig config =
          new SchedulerConfig(
              name, Map.of("beta_schedule", "squaredcos_cap_v2", "timestep_spacing", "trailing"));
      NoiseSchedule schedule = config.schedule();
      LoopSampler<?, ?> sampler = (LoopSampler<?, ?>) Samplers.of(config, STEPS);
      assertThat(sampler.fitted(noisy(schedule, Prediction.EPSILON))).isSameAs(sampler);
      assertThat(sampler.transitions(schedule).get(0).t()).isEqualTo(999);
    }
  }

  /** Of the absolute values of samples, whose modes are at -0.5 and 0.5 with deviation 0.1. */
  private record Moments(double mean, double deviation, double right) {

    static Moments of(Sampler sampler, NoiseSchedule schedule, Prediction prediction) {
      float[] samples =
          SamplerMechanics.samples(
              sampler,
              noisy(schedule, prediction),
              SamplingRequest.builder(COUNT).batchSize(COUNT).seed(0).build());
      double sum = 0;
      double squares = 0;
      int right = 0;
      for (float x : samples) {
        sum += Math.abs(x);
        squares += x * x;
        right += x > 0 ? 1 : 0;
      }
      double mean = sum / COUNT;
      return new Moments(mean, Math.sqrt(squares / COUNT - mean * mean), (double) right / COUNT);
    }

    boolean fit() {
      return Math.abs(mean - 0.5) < 0.06
          && Math.abs(deviation - 0.1) < 0.06
          && Math.abs(right - 0.5) < 0.06;
    }
  }

  private static Denoiser noisy(NoiseSchedule schedule, Prediction prediction) {
    MixtureDenoiser exact =
        new MixtureDenoiser(
            schedule,
            prediction,
            new double[][] {{-0.5}, {0.5}},
            new double[] {0.1, 0.1},
            new double[] {0.5, 0.5});
    return new Denoiser() {
      @Override
      public NoiseSchedule schedule() {
        return schedule;
      }

      @Override
      public Prediction prediction() {
        return prediction;
      }

      @Override
      public long[] sampleShape() {
        return exact.sampleShape();
      }

      @Override
      public INDArray predict(INDArray xt, INDArray t, Condition condition) {
        try (INDArray right = exact.predict(xt, t, condition)) {
          float[] output = right.data().asFloat();
          double deviation = ERROR * right.norm2Number().doubleValue() / Math.sqrt(output.length);
          Random random = new Random(Float.floatToIntBits(t.getFloat(0)));
          for (int i = 0; i < output.length; i++) {
            output[i] += (float) (deviation * random.nextGaussian());
          }
          return Nd4j.createFromArray(output).reshape(right.shape());
        }
      }
    };
  }
}
