package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Strips of samples between two. */
class InterpolationTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);
  private static final MixtureDenoiser MODEL =
      MixtureDenoiser.inThePlane(SCHEDULE, Prediction.EPSILON);

  /** Stochastic samplers draw noise in their steps, which is on the way between the seeds too. */
  @ParameterizedTest
  @ValueSource(strings = {"ddim", "ddpm", "euler-ancestral", "dpm++2m"})
  void stripBetweenSeeds_endsAtTheirSamples(String name) {
    Sampler sampler = Samplers.named(name, 10);
    SamplingRequest.Builder request =
        SamplingRequest.builder(5).noise(NoiseSource.between(4, 9, 5));
    float[] strip = SamplerMechanics.samples(sampler, MODEL, request.build());
    assertThat(Arrays.copyOf(strip, 2)).containsExactly(ofSeed(sampler, 4));
    assertThat(Arrays.copyOfRange(strip, 8, 10)).containsExactly(ofSeed(sampler, 9));
    assertThat(strip).doesNotHaveDuplicates();
    assertThat(SamplerMechanics.samples(sampler, MODEL, request.batchSize(2).build()))
        .isEqualTo(strip);
  }

  private static float[] ofSeed(Sampler sampler, long seed) {
    return SamplerMechanics.samples(sampler, MODEL, SamplingRequest.builder(1).seed(seed).build());
  }

  @Test
  void stripBetweenPictures_endsAtThem_withoutJumps() {
    Timesteps steps = Timesteps.all();
    INDArray from = point(-1.8f, 1.2f);
    INDArray to = point(-1.2f, 0.6f);
    try (INDArray strip = new DdimInversion(steps).between(MODEL, from, to, Condition.none(), 7)) {
      assertThat(strip.shape()).containsExactly(7, 2);
      assertThat(strip.slice(0)).isEqualTo(from.slice(0));
      assertThat(strip.slice(6)).isEqualTo(to.slice(0));
      for (int i = 1; i < 7; i++) {
        assertThat(strip.slice(i).distance2(strip.slice(i - 1))).isLessThan(to.distance2(from) / 2);
      }
    }
  }

  @Test
  void stripOfAClass_hasItsCondition() {
    ClassMixtureDenoiser model = new ClassMixtureDenoiser(MODEL);
    INDArray from = point(-1.8f, 1.2f);
    INDArray to = point(-1.2f, 0.6f);
    DdimInversion inversion = new DdimInversion(Timesteps.of(20, Timesteps.Spacing.LEADING));
    INDArray ofClass = inversion.between(model, from, to, Condition.labels(0), 3);
    INDArray ofMode = inversion.between(model.ofLabel(0), from, to, Condition.none(), 3);
    assertThat(ofClass).isEqualTo(ofMode);
  }

  @Test
  void strip_thatDoesNotFit_isRefused() {
    DdimInversion inversion = new DdimInversion(Timesteps.of(20, Timesteps.Spacing.LEADING));
    INDArray one = point(1, 2);
    assertRefused(inversion, one, one, 1, "count must be at least 2 but was 1");
    assertRefused(
        inversion, Nd4j.concat(0, one, one), one, 3, "start must hold one array per sample, 1,");
    assertRefused(inversion, one, Nd4j.concat(0, one, one), 3, "start must hold one array per");
    assertRefused(
        inversion, Values.column(1), one, 3, "start must be FLOAT [1, 2] but was FLOAT [1, 1]");
  }

  private static void assertRefused(
      DdimInversion inversion, INDArray from, INDArray to, int count, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> inversion.between(MODEL, from, to, Condition.none(), count))
        .withMessageStartingWith(message);
  }

  /** With one iteration and all 1000 steps the error is 4e-3. */
  @ParameterizedTest
  @CsvSource({"50, 4", "100, 3", "1000, 2"})
  void inversionAndBack_returnsThePictureTo1e3(int n, int iterations) {
    Timesteps steps = Timesteps.of(n, Timesteps.Spacing.TRAILING);
    INDArray pictures = Values.normal(5, 20, 4);
    GaussianDenoiser model = GaussianDenoiser.ofFour(SCHEDULE);
    INDArray noise =
        new DdimInversion(steps)
            .withIterations(iterations)
            .sample(model, SamplingRequest.builder(20).start(pictures).build())
            .samples();
    INDArray again =
        new DdimSampler(steps, 0)
            .sample(model, SamplingRequest.builder(20).start(noise).build())
            .samples();
    assertThat(again.sub(pictures).amaxNumber().doubleValue()).isLessThan(1e-3);
  }

  @Test
  void iterations_outOfRange_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DdimInversion(Timesteps.all()).withIterations(0))
        .withMessage("iterations must be at least 1 but were 0");
  }

  private static INDArray point(float x, float y) {
    return Nd4j.create(new float[] {x, y}, new long[] {1, 2}, 'c');
  }
}
