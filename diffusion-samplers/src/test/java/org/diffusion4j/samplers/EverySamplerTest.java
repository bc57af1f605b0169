package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.IntFunction;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.DpmSolverSampler.Algorithm;
import org.diffusion4j.samplers.HeunSampler.Churn;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What {@link SamplerMechanics} asks of every sampler, and that its samples are of the mixture,
 * with a line a method. DDPM and DDIM have tests of their own.
 */
class EverySamplerTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);

  /** A method with some steps. */
  abstract static class Contract extends SamplerMechanics {

    final IntFunction<LoopSampler<?, ?>> of;
    private final double meanTolerance;
    private final double deviationTolerance;

    /**
     * @param meanTolerance how far the mean of a mode at 2 may be off after 40 steps
     * @param deviationTolerance how far its deviation, 0.5, may be off
     */
    Contract(IntFunction<LoopSampler<?, ?>> of, double meanTolerance, double deviationTolerance) {
      this.of = of;
      this.meanTolerance = meanTolerance;
      this.deviationTolerance = deviationTolerance;
    }

    @Override
    Sampler sampler() {
      return of.apply(9);
    }

    @Override
    Sampler brief() {
      return of.apply(2);
    }

    @Override
    int[] timesteps() {
      throw new UnsupportedOperationException("these methods ask between timesteps too");
    }

    @Override
    double[] times() {
      return of.apply(9).transitions(NoiseSchedule.linear(100)).stream()
          .mapToDouble(Transition::t)
          .toArray();
    }

    /** A second or more for each method. */
    @Override
    @Test
    @Tag("slow")
    void sample_severalTimesDoesNotFillTheMemory() {
      super.sample_severalTimesDoesNotFillTheMemory();
    }

    @Test
    void samples_areOfTheMixture() {
      int count = 1000;
      float[] samples =
          samples(
              of.apply(40),
              MixtureDenoiser.twoModes(SCHEDULE, Prediction.VELOCITY),
              SamplingRequest.builder(count).batchSize(count).seed(4).build());
      double sum = 0;
      double squares = 0;
      int right = 0;
      for (float x : samples) {
        double distance = Math.abs(x) - 2;
        sum += distance;
        squares += distance * distance;
        right += x > 0 ? 1 : 0;
      }
      double mean = sum / count;
      assertThat(mean).isCloseTo(0, within(meanTolerance + 4 * 0.5 / Math.sqrt(count)));
      assertThat(Math.sqrt(squares / count - mean * mean))
          .isCloseTo(0.5, within(deviationTolerance + 4 * 0.5 / Math.sqrt(2.0 * count)));
      assertThat((double) right / count).isCloseTo(0.5, within(4 * 0.5 / Math.sqrt(count)));
    }

    @Test
    void samples_fromZeroTerminalSnr_areOfTheMixtureToo() {
      NoiseSchedule schedule = SCHEDULE.withZeroTerminalSnr();
      float[] samples =
          samples(
              of.apply(40),
              MixtureDenoiser.twoModes(schedule, Prediction.VELOCITY),
              SamplingRequest.builder(100).seed(0).batchSize(100).build());
      double sum = 0;
      for (float x : samples) {
        sum += Math.abs(x);
      }
      assertThat(sum / samples.length).isCloseTo(2, within(0.3));
    }

    @Test
    void toString_namesTheMethodAndItsSteps() {
      LoopSampler<?, ?> sampler = of.apply(9);
      assertThat(sampler.toString())
          .startsWith(sampler.getClass().getSimpleName() + "[Timesteps[9");
    }
  }

  /** That samples do not depend on what the denoiser predicts. */
  abstract static class AnyPredictionContract extends Contract {

    AnyPredictionContract(
        IntFunction<LoopSampler<?, ?>> of, double meanTolerance, double deviationTolerance) {
      super(of, meanTolerance, deviationTolerance);
    }

    @Test
    void samples_areTheSameForEveryPrediction() {
      float[] epsilon = samplesOf(Prediction.EPSILON);
      for (Prediction other : new Prediction[] {Prediction.SAMPLE, Prediction.VELOCITY}) {
        assertThat(samplesOf(other)).usingComparatorWithPrecision(5e-3f).containsExactly(epsilon);
      }
    }

    private float[] samplesOf(Prediction prediction) {
      return samples(
          of.apply(20),
          MixtureDenoiser.twoModes(SCHEDULE, prediction),
          SamplingRequest.builder(20).seed(0).build());
    }
  }

  private static Timesteps karras(int n) {
    return Timesteps.of(n, Spacing.KARRAS);
  }

  private static Timesteps logSnr(int n) {
    return Timesteps.of(n, Spacing.LOG_SNR);
  }

  @Nested
  class Euler extends AnyPredictionContract {
    Euler() {
      super(n -> new EulerSampler(karras(n)), 0.03, 0.05);
    }
  }

  /**
   * As in diffusers the denoiser does not see the noise, of which predictions make different use.
   */
  @Nested
  class EulerWithChurn extends Contract {
    EulerWithChurn() {
      super(n -> new EulerSampler(karras(n)).withChurn(Churn.of(2)), 0.05, 0.05);
    }
  }

  @Nested
  class EulerAncestral extends AnyPredictionContract {
    EulerAncestral() {
      super(n -> new EulerSampler(karras(n)).withAncestralNoise(), 0.03, 0.06);
    }
  }

  @Nested
  class Heun extends AnyPredictionContract {
    Heun() {
      super(n -> new HeunSampler(karras(n)), 0.01, 0.01);
    }
  }

  @Nested
  class HeunWithChurn extends AnyPredictionContract {
    HeunWithChurn() {
      super(n -> new HeunSampler(karras(n)).withChurn(Churn.of(10)), 0.02, 0.02);
    }
  }

  @Nested
  class Lms extends AnyPredictionContract {
    Lms() {
      super(n -> new LmsSampler(karras(n)), 0.01, 0.01);
    }
  }

  @Nested
  class Kdpm2 extends AnyPredictionContract {
    Kdpm2() {
      super(n -> new Kdpm2Sampler(karras(n)), 0.01, 0.01);
    }
  }

  @Nested
  class Kdpm2Ancestral extends AnyPredictionContract {
    Kdpm2Ancestral() {
      super(n -> new Kdpm2Sampler(karras(n)).withAncestralNoise(), 0.03, 0.06);
    }
  }

  @Nested
  class Pndm extends AnyPredictionContract {
    Pndm() {
      super(PndmSampler::new, 0.02, 0.03);
    }
  }

  @Nested
  class PndmWithRungeKuttaStart extends AnyPredictionContract {
    PndmWithRungeKuttaStart() {
      super(n -> new PndmSampler(n).withRungeKuttaStart(), 0.02, 0.03);
    }

    @Override
    Sampler brief() {
      return new PndmSampler(4).withRungeKuttaStart();
    }
  }

  @Nested
  class DpmSolver3M extends AnyPredictionContract {
    DpmSolver3M() {
      super(n -> new DpmSolverSampler(logSnr(n)).withOrder(3), 0.01, 0.01);
    }
  }

  @Nested
  class SdeDpmSolver2M extends AnyPredictionContract {
    SdeDpmSolver2M() {
      super(
          n -> new DpmSolverSampler(logSnr(n)).withAlgorithm(Algorithm.SDE_DPM_SOLVER_PLUS_PLUS),
          0.02,
          0.03);
    }
  }

  @Nested
  class SdeDpmSolver3M extends AnyPredictionContract {
    SdeDpmSolver3M() {
      super(
          n ->
              new DpmSolverSampler(logSnr(n))
                  .withAlgorithm(Algorithm.SDE_DPM_SOLVER_PLUS_PLUS)
                  .withOrder(3)
                  .withHeunSteps(),
          0.02,
          0.03);
    }
  }

  @Nested
  class SdeDpmSolverInEpsilon extends AnyPredictionContract {
    SdeDpmSolverInEpsilon() {
      super(
          n ->
              new DpmSolverSampler(logSnr(n))
                  .withAlgorithm(Algorithm.SDE_DPM_SOLVER)
                  .withHeunSteps()
                  .withFinalSigma(FinalSigma.MIN),
          0.02,
          0.03);
    }
  }

  @Nested
  class DpmSolver3S extends AnyPredictionContract {
    DpmSolver3S() {
      super(n -> new DpmSolverSinglestepSampler(logSnr(n)).withOrder(3), 0.01, 0.01);
    }
  }

  @Nested
  class UniPc extends AnyPredictionContract {
    UniPc() {
      super(n -> new UniPcSampler(logSnr(n)).withOrder(3), 0.01, 0.01);
    }
  }

  @Nested
  class Deis extends AnyPredictionContract {
    Deis() {
      super(n -> new DeisSampler(n).withOrder(3), 0.02, 0.02);
    }
  }

  @Nested
  class DdimWithJumps extends AnyPredictionContract {
    DdimWithJumps() {
      super(n -> new DdimSampler(n, 1).withJumps(2, 2), 0.1, 0.1);
    }
  }

  /** Without distillation the clean samples are means, and few steps blur. */
  @Nested
  class Lcm extends AnyPredictionContract {
    Lcm() {
      super(LcmSampler::new, 0.1, 0.2);
    }
  }

  @Nested
  class Tcd extends AnyPredictionContract {
    Tcd() {
      super(TcdSampler::new, 0.1, 0.2);
    }
  }
}
