package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Map;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SchedulerConfig;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Noise of torchsde, with seeds of numpy. */
class BrownianTreeTest {

  private static final long[] SHAPE = {2, 8};

  /** The numbers of numpy 2.4. */
  @Test
  void seeds_areThoseOfNumpy() {
    assertThat(unsigned(new SeedSequence(0, 24).state(2)))
        .containsExactly(4025752534L, 2687548107L);
    assertThat(unsigned(new SeedSequence((1L << 40) + 7, 24, 5, 3).state(4)))
        .containsExactly(274823170L, 1995610858L, 3082670851L, 2858707861L);
    assertThat(unsigned(new SeedSequence(12, 4, (1L << 33) + 1, 34).state(6)))
        .containsExactly(
            165630101L, 2519252034L, 2719202308L, 1938886980L, 1452247477L, 1385574060L);
  }

  private static long[] unsigned(int[] words) {
    return Arrays.stream(words).mapToLong(Integer::toUnsignedLong).toArray();
  }

  /** Increments of an independent implementation in Python, with numpy's generators. */
  @Test
  void increments_areThoseOfThePublishedAlgorithm() {
    assertIncrement(0.5, 2.25, 0.24121995, -1.869643, 0.92003983, 2.5280831);
    assertIncrement(2.25, 14.6, -0.19459128, 0.19992268, -3.0016167, 4.5197616);
    assertIncrement(0.03, 14.6, 0.70679970, -2.1344886, -2.7287257, 6.4852262);
  }

  private static void assertIncrement(double from, double to, double... expected) {
    try (INDArray noise = new BrownianTree(7, 0.03, 14.6, SHAPE).noise(from, to)) {
      assertThat(noise.shape()).isEqualTo(SHAPE);
      for (int k = 0; k < expected.length; k++) {
        assertThat(noise.getDouble(0, k) * Math.sqrt(to - from))
            .isCloseTo(expected[k], within(1e-5));
      }
    }
  }

  @Test
  void noise_ofAnIntervalIsThatOfItsParts() {
    BrownianTree tree = new BrownianTree(3, 0.01, 80, SHAPE);
    try (INDArray all = tree.noise(70, 0.2);
        INDArray first = tree.noise(70, 1.7);
        INDArray second = tree.noise(1.7, 0.2)) {
      INDArray sum = first.mul(Math.sqrt(70 - 1.7)).addi(second.mul(Math.sqrt(1.7 - 0.2)));
      assertThat(all.mul(Math.sqrt(70 - 0.2)).distance2(sum)).isLessThan(1e-4);
    }
  }

  @Test
  void configuredSeed_givesTheSameSamplesWhateverTheRequestsSeed() {
    SchedulerConfig config =
        new SchedulerConfig("DPMSolverSDEScheduler", Map.of("noise_sampler_seed", 5L));
    NoiseSchedule schedule = config.schedule();
    Denoiser model = FunctionDenoiser.of(schedule, (x, t, c) -> x.mul(0.5), 1);
    INDArray start = Values.column(0.3f, -0.2f);
    float[] one = samples(config, model, start, 1);
    assertThat(samples(config, model, start, 2)).isEqualTo(one);
    assertThat(samples(config.with("noise_sampler_seed", 6L), model, start, 1)).isNotEqualTo(one);
    SchedulerConfig without = config.with("noise_sampler_seed", null);
    assertThat(samples(without, model, start, 1)).isNotEqualTo(samples(without, model, start, 2));
  }

  private static float[] samples(
      SchedulerConfig config, Denoiser model, INDArray start, long seed) {
    return SamplerMechanics.samples(
        Samplers.of(config, 4), model, SamplingRequest.builder(2).start(start).seed(seed).build());
  }

  @Test
  void badSeed_isNamed() {
    for (Object seed : new Object[] {-1, 0.5, 0x1p63, "x"}) {
      SchedulerConfig config =
          new SchedulerConfig("DPMSolverSDEScheduler", Map.of("noise_sampler_seed", seed));
      assertThatThrownBy(() -> Samplers.of(config, 4))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("noise_sampler_seed must be a whole number in [0, 2^63) but was");
    }
  }
}
