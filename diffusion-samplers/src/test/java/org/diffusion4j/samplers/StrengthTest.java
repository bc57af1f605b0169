package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Runs that start from clean samples and do the last part of the steps. */
class StrengthTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final MixtureDenoiser MODEL =
      MixtureDenoiser.inThePlane(SCHEDULE, Prediction.EPSILON);
  private static final int COUNT = 5;

  /** Each with the method on the last two of its four steps. */
  private static List<Sampler[]> deterministic() {
    Timesteps four = Timesteps.list(90, 60, 30, 5);
    Timesteps two = Timesteps.list(30, 5);
    return List.of(
        new Sampler[] {new DdimSampler(four, 0), new DdimSampler(two, 0)},
        new Sampler[] {new EulerSampler(four), new EulerSampler(two)},
        new Sampler[] {new LmsSampler(four), new LmsSampler(two)},
        new Sampler[] {new PndmSampler(four), new PndmSampler(two)},
        new Sampler[] {new HeunSampler(four), new HeunSampler(two)},
        new Sampler[] {new Kdpm2Sampler(four), new Kdpm2Sampler(two)},
        new Sampler[] {new UniPcSampler(four), new UniPcSampler(two)},
        new Sampler[] {new DpmSolverSampler(four), new DpmSolverSampler(two)});
  }

  @ParameterizedTest
  @MethodSource("deterministic")
  void lastSteps_areThoseOfAMethodThatHasOnlyThem(Sampler whole, Sampler tail) {
    INDArray clean = Values.normal(3, COUNT, 2);
    float[] last = sample(whole, SamplingRequest.builder(COUNT).seed(7).start(clean, 0.5));
    Level level = Level.of(SCHEDULE.alphaBar(30));
    INDArray noise =
        SamplingRequest.builder(COUNT)
            .seed(7)
            .build()
            .noise()
            .start()
            .batch(0, COUNT)
            .next(COUNT, 2);
    INDArray noised = clean.mul(level.signal()).addi(noise.muli(level.noise()));
    float[] expected = sample(tail, SamplingRequest.builder(COUNT).seed(7).start(noised));
    assertThat(last).containsExactly(expected, within(1e-5f));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"ddim", "euler-a", "heun", "dpm2-a", "dpm++2m", "dpm++2s", "pndm", "unipc"})
  void batches_haveNoEffect(String name) {
    Sampler sampler = Samplers.named(name, 8);
    INDArray clean = Values.normal(3, COUNT, 2);
    float[] whole = sample(sampler, SamplingRequest.builder(COUNT).seed(1).start(clean, 0.6));
    for (int size : new int[] {1, 2}) {
      SamplingRequest.Builder request =
          SamplingRequest.builder(COUNT).seed(1).batchSize(size).start(clean, 0.6);
      assertThat(sample(sampler, request)).as("batches of %s", size).isEqualTo(whole);
    }
  }

  @Test
  void weakerRuns_areCloserToTheStart() {
    INDArray clean = Values.normal(3, COUNT, 2);
    double before = 0;
    for (double strength : new double[] {0.1, 0.4, 0.7, 1}) {
      INDArray made =
          new DdimSampler(10)
              .sample(MODEL, SamplingRequest.builder(COUNT).seed(1).start(clean, strength).build())
              .samples();
      double distance = made.distance2(clean);
      assertThat(distance).as("strength %s", strength).isGreaterThan(before);
      before = distance;
    }
  }

  @Test
  void steps_areTheWholePart() {
    int[] steps = {0};
    SamplingRequest.Builder request =
        SamplingRequest.builder(1)
            .start(Values.normal(3, 1, 2), 0.79)
            .listener(step -> steps[0] = step.steps());
    sample(new DdimSampler(10), request);
    assertThat(steps[0]).isEqualTo(7);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ddim", "ddpm", "heun", "pndm", "dpm++2m", "lcm"})
  void strength0_returnsTheStart(String name) {
    INDArray clean = Values.normal(3, COUNT, 2);
    SamplingRequest.Builder request =
        SamplingRequest.builder(COUNT).seed(1).batchSize(2).trajectory(3).start(clean, 0);
    assertThat(sample(Samplers.named(name, 8), request)).isEqualTo(Values.of(clean));
    INDArray known = Values.normal(4, 1, 2);
    request.known(known, Nd4j.createFromArray(new float[][] {{1, 0}}));
    float[] samples = sample(Samplers.named(name, 8), request);
    for (int i = 0; i < COUNT; i++) {
      assertThat(samples[2 * i]).isEqualTo(known.getFloat(0, 0));
      assertThat(samples[2 * i + 1]).isEqualTo(clean.getFloat(i, 1));
    }
  }

  /** Exactly where the schedule ends without signal, nearly where it ends with a little. */
  @Test
  void strength1_ignoresTheStart() {
    NoiseSchedule linear = NoiseSchedule.linear(1000);
    INDArray one = Values.normal(3, COUNT, 2);
    INDArray other = Values.normal(4, COUNT, 2);
    for (NoiseSchedule schedule : List.of(linear, linear.withZeroTerminalSnr())) {
      Denoiser model = MixtureDenoiser.inThePlane(schedule, Prediction.VELOCITY);
      SamplingRequest.Builder request = SamplingRequest.builder(COUNT).seed(7);
      Sampler sampler = new DdimSampler(20);
      float[] first = SamplerMechanics.samples(sampler, model, request.start(one, 1).build());
      float[] second = SamplerMechanics.samples(sampler, model, request.start(other, 1).build());
      assertThat(second).containsExactly(first, within(schedule == linear ? 0.1f : 0f));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.5, 1.01, Double.NaN, Double.POSITIVE_INFINITY})
  void strength_outsideOfItsRange_isRefused(double strength) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SamplingRequest.builder(1).start(Values.normal(3, 1, 2), strength))
        .withMessage("strength must be in [0, 1] but was " + strength);
  }

  @Test
  void strength_thatLeavesNoStep_isRefused() {
    SamplingRequest request =
        SamplingRequest.builder(1).start(Values.normal(3, 1, 2), 0.09).build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DdimSampler(10).sample(MODEL, request))
        .withMessage("strength must leave at least 1 of 10 steps but was 0.09");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Samplers.requireStrength(new DdimSampler(10), MODEL.schedule(), 0.09))
        .withMessage("strength must leave at least 1 of 10 steps but was 0.09");
    Samplers.requireStrength(new DdimSampler(10), MODEL.schedule(), 0.1);
  }

  @Test
  void strength_ofAnInversion_isRefused() {
    SamplingRequest request = SamplingRequest.builder(1).start(Values.normal(3, 1, 2), 0.5).build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DdimInversion(Timesteps.list(50, 5)).sample(MODEL, request))
        .withMessageStartingWith("strength must not be given to DDIM inversion");
  }

  private static float[] sample(Sampler sampler, SamplingRequest.Builder request) {
    return SamplerMechanics.samples(sampler, MODEL, request.build());
  }
}
