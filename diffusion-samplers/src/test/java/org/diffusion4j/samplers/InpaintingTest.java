package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Samples of which a part is known. */
class InpaintingTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);
  private static final GaussianDenoiser GAUSSIAN = GaussianDenoiser.ofFour(SCHEDULE);
  private static final int DIMENSION = 4;

  /** What is known of the Gaussian's first two values, and what then follows for the others. */
  private static final float[] KNOWN = {1.5f, -1};

  private static final double[] MEANS = {-0.15, -0.775};
  private static final double[][] COVARIANCE = {{0.75, 0.375}, {0.375, 0.9375}};

  private static SamplingRequest.Builder request(int count) {
    return SamplingRequest.builder(count)
        .seed(1)
        .batchSize(count)
        .known(row(KNOWN[0], KNOWN[1], 9, 9), row(1, 1, 0, 0));
  }

  private static INDArray row(float... values) {
    return Nd4j.create(values.clone(), new long[] {1, values.length}, 'c');
  }

  /**
   * The cubes have short steps at low noise. By recursion the means are then off by 0.063, the
   * covariances by 0.064, and without jumps the means by 0.225.
   */
  private static Timesteps cubes() {
    int[] descending =
        IntStream.range(0, 100)
            .map(i -> (int) Math.rint(Math.pow((99 - i) / 99.0, 3) * 999))
            .distinct()
            .toArray();
    return Timesteps.list(descending);
  }

  @Test
  void repaint_givesTheConditionalDistribution() {
    int count = 1000;
    Sampler repaint = new DdimSampler(cubes(), 1).withJumps(5, 10);
    float[] samples = SamplerMechanics.samples(repaint, GAUSSIAN, request(count).build());
    double[] means = GaussianDenoiser.means(samples, DIMENSION);
    for (int a = 0; a < 2; a++) {
      assertThat(means[a]).isCloseTo(KNOWN[a], within(1e-6));
      double error = Math.sqrt(COVARIANCE[a][a] / count);
      assertThat(means[2 + a]).isCloseTo(MEANS[a], within(0.063 + 4 * error));
      for (int b = 0; b <= a; b++) {
        double product = COVARIANCE[a][a] * COVARIANCE[b][b];
        double square = COVARIANCE[a][b] * COVARIANCE[a][b];
        assertThat(GaussianDenoiser.covariance(samples, DIMENSION, 2 + a, 2 + b))
            .isCloseTo(COVARIANCE[a][b], within(0.064 + 4 * Math.sqrt((product + square) / count)));
      }
    }
  }

  /** It goes about half of the way from the mean without knowledge, 0.2, to the conditional one. */
  @Test
  void replacementAlone_comesLessClose() {
    int count = 1000;
    float[] samples =
        SamplerMechanics.samples(new DdimSampler(cubes(), 1), GAUSSIAN, request(count).build());
    double mean = GaussianDenoiser.means(samples, DIMENSION)[2];
    assertThat(mean).isCloseTo(MEANS[0] + 0.225, within(4 * Math.sqrt(COVARIANCE[0][0] / count)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ddpm",
        "ddim",
        "euler",
        "euler-ancestral",
        "heun",
        "kdpm2",
        "kdpm2-ancestral",
        "lms",
        "pndm",
        "dpm++2m",
        "dpm++2m-sde",
        "dpm++3m",
        "dpm++2s",
        "unipc",
        "deis",
        "lcm",
        "consistency",
        "tcd"
      })
  void everySampler_keepsTheKnownPartExactly_inAnyBatch(String name) {
    Sampler sampler = Samplers.named(name, 6);
    Denoiser half = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x.mul(0.5), 2, 2, 3);
    INDArray known = Values.normal(3, 5, 2, 2, 3);
    INDArray mask = mask(known.shape());
    SamplingRequest.Builder request = SamplingRequest.builder(5).seed(1).known(known, mask);
    float[] samples = SamplerMechanics.samples(sampler, half, request.build());
    float[] expected = Values.of(known);
    float[] shares = Values.of(mask);
    float[] free =
        SamplerMechanics.samples(sampler, half, SamplingRequest.builder(5).seed(1).build());
    for (int i = 0; i < samples.length; i++) {
      assertThat(samples[i]).isFinite();
      if (shares[i] == 1) {
        assertThat(samples[i]).isCloseTo(expected[i], within(1e-6f));
      } else {
        assertThat(samples[i]).isNotEqualTo(expected[i]);
      }
    }
    assertThat(samples).isNotEqualTo(free);
    assertThat(SamplerMechanics.samples(sampler, half, request.batchSize(2).build()))
        .isEqualTo(samples);
  }

  /** 1 in the first column, 0 in the second, a soft edge in the third. */
  private static INDArray mask(long... shape) {
    float[] values = new float[(int) Nd4j.zeros(shape).length()];
    for (int i = 0; i < values.length; i++) {
      values[i] = new float[] {1, 0, 0.25f}[i % 3];
    }
    return Nd4j.create(values, shape, 'c');
  }

  @Test
  void softEdges_mixTheLastStepsSamplesWithTheKnownOnes() {
    INDArray known = row(1, 1, 1, 1);
    INDArray mask = row(0.25f, 0.25f, 0.25f, 0.25f);
    List<float[]> clean = new ArrayList<>();
    SamplingRequest request =
        SamplingRequest.builder(1)
            .seed(2)
            .known(known, mask)
            .listener(step -> clean.add(Values.of(step.x0())))
            .build();
    float[] samples = SamplerMechanics.samples(new DdimSampler(5), GAUSSIAN, request);
    float[] last = clean.get(clean.size() - 1);
    for (int i = 0; i < DIMENSION; i++) {
      assertThat(samples[i]).isCloseTo(0.25f + 0.75f * last[i], within(1e-6f));
    }
  }

  @Test
  void masks_ofOneSampleOrChannel_areThoseOfAll() {
    Denoiser half = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x.mul(0.5), 3, 2, 2);
    INDArray known = Values.normal(3, 1, 3, 2, 2);
    float[] four = {1, 0, 0.5f, 0};
    INDArray whole = Nd4j.create(2, 3, 2, 2).castTo(DataType.FLOAT);
    INDArray same = Nd4j.create(2, 3, 2, 2).castTo(DataType.FLOAT);
    for (int i = 0; i < 6; i++) {
      INDArray plane = Nd4j.create(four.clone(), new long[] {2, 2}, 'c');
      whole.slice(i / 3).slice(i % 3).assign(plane);
      same.slice(i / 3).slice(i % 3).assign(known.slice(0).slice(i % 3));
    }
    float[] expected = repainted(half, same, whole);
    assertThat(repainted(half, known, Nd4j.create(four, new long[] {1, 1, 2, 2}, 'c')))
        .isEqualTo(expected);
    INDArray each = Nd4j.concat(0, whole.slice(0).slice(0), whole.slice(1).slice(0));
    assertThat(repainted(half, same, each.reshape('c', 2, 1, 2, 2))).isEqualTo(expected);
    INDArray channels = whole.slice(0).reshape('c', 1, 3, 2, 2);
    assertThat(repainted(half, known.dup('f'), channels.dup('f'))).isEqualTo(expected);
  }

  private static float[] repainted(Denoiser model, INDArray known, INDArray mask) {
    return SamplerMechanics.samples(
        new DdimSampler(4, 0.5),
        model,
        SamplingRequest.builder(2).seed(1).batchSize(1).known(known, mask).build());
  }

  @Test
  void emptyMask_changesNothing() {
    SamplingRequest.Builder request = SamplingRequest.builder(3).seed(4);
    float[] free = SamplerMechanics.samples(new DdimSampler(5), GAUSSIAN, request.build());
    request.known(row(1, 1, 1, 1), row(0, 0, 0, 0));
    assertThat(SamplerMechanics.samples(new DdimSampler(5), GAUSSIAN, request.build()))
        .isEqualTo(free);
  }

  @Test
  void jumps_takeEachStretchButTheFirstAgain() {
    List<Integer> asked = new ArrayList<>();
    List<Double> levels = new ArrayList<>();
    SamplingRequest request =
        SamplingRequest.builder(1)
            .seed(1)
            .listener(step -> asked.add((int) step.t()))
            .afterStep(step -> levels.add(step.level().alphaBar()))
            .build();
    DdimSampler repaint = new DdimSampler(Timesteps.list(50, 40, 30, 20, 10), 1).withJumps(2, 3);
    SamplerMechanics.samples(repaint, GAUSSIAN, request);
    assertThat(asked).containsExactly(50, 40, 30, 40, 30, 40, 30, 20, 10, 20, 10, 20, 10);
    assertThat(levels.get(2)).isCloseTo(SCHEDULE.alphaBar(20), within(1e-12));
    assertThat(levels.get(8)).isEqualTo(1);
    asked.clear();
    INDArray start = Values.normal(3, 1, DIMENSION);
    SamplingRequest part =
        SamplingRequest.builder(1)
            .start(start, 0.6)
            .listener(step -> asked.add((int) step.t()))
            .build();
    SamplerMechanics.samples(repaint, GAUSSIAN, part);
    assertThat(asked).containsExactly(30, 20, 10, 20, 10, 20, 10);
  }

  @Test
  void jumps_leaveTheDistributionAsItIs() {
    int count = 2000;
    SamplingRequest request = SamplingRequest.builder(count).seed(3).batchSize(count).build();
    Sampler sampler = new DdimSampler(cubes(), 1).withJumps(20, 2);
    float[] samples = SamplerMechanics.samples(sampler, GAUSSIAN, request);
    double[] means = GaussianDenoiser.means(samples, DIMENSION);
    for (int a = 0; a < DIMENSION; a++) {
      double variance = GAUSSIAN.covariance()[a][a];
      assertThat(means[a]).isCloseTo(GAUSSIAN.mean()[a], within(4 * Math.sqrt(variance / count)));
      assertThat(GaussianDenoiser.covariance(samples, DIMENSION, a, a))
          .isCloseTo(variance, within(0.1 + 4 * variance * Math.sqrt(2.0 / count)));
    }
  }

  @Test
  void jumps_outOfRange_areRefused() {
    DdimSampler sampler = new DdimSampler(5, 1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampler.withJumps(0, 2))
        .withMessage("jump length must be at least 1 but was 0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampler.withJumps(2, 0))
        .withMessage("visits must be at least 1 but were 0");
    assertThat(sampler.withJumps(3, 4).toString()).endsWith(", eta=1.0, jumps=[3, 4]]");
  }

  @Test
  void knownPart_thatDoesNotFit_isNamedBeforeTheFirstCall() {
    INDArray four = row(1, 1, 0, 0);
    assertRefused(
        row(1, 2, 3), four, "known samples must be FLOAT [1 or 2, 4] but were FLOAT [1, 3]");
    assertRefused(
        four.castTo(DataType.DOUBLE),
        four,
        "known samples must be FLOAT [1 or 2, 4] but were DOUBLE [1, 4]");
    assertRefused(four, row(1, 1), "mask must be FLOAT [1 or 2, 1 or 4] but were FLOAT [1, 2]");
    assertRefused(
        four,
        Nd4j.ones(DataType.FLOAT, 3, 4),
        "mask must be FLOAT [1 or 2, 1 or 4] but were FLOAT [3, 4]");
    assertRefused(four, row(1, 1, 0, 1.5f), "mask must be in [0, 1] but was in [0.0, 1.5]");
    assertRefused(four, row(1, -1, 0, 0), "mask must be in [0, 1] but was in [-1.0, 1.0]");
    assertRefused(four, row(1, Float.NaN, 0, 0), "mask must be in [0, 1] but was in ");
    assertRefused(
        row(1, 1, Float.POSITIVE_INFINITY, 0),
        four,
        "known samples must be finite but were not for sample 0");
    INDArray closed = row(1, 1, 1, 1);
    closed.close();
    assertRefused(closed, four, "known samples must be FLOAT [1 or 2, 4] but were closed array");
  }

  private static void assertRefused(INDArray known, INDArray mask, String message) {
    Denoiser untouched =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              throw new AssertionError("no work must be done");
            },
            DIMENSION);
    SamplingRequest request = SamplingRequest.builder(2).known(known, mask).build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DdimSampler(3).sample(untouched, request))
        .withMessageStartingWith(message);
  }

  @Test
  void knownPart_ofAnInversion_isRefused() {
    SamplingRequest request =
        SamplingRequest.builder(1)
            .start(row(1, 1, 1, 1))
            .known(row(1, 1, 1, 1), row(1, 0, 0, 0))
            .build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DdimInversion(Timesteps.list(50, 5)).sample(GAUSSIAN, request))
        .withMessage("known samples must not be given: this method begins with samples");
  }

  @Test
  void arrays_areClosed() {
    List<INDArray> drawn = new ArrayList<>();
    NoiseSource noise =
        () -> {
          NoiseSource.Run run = NoiseSource.perSample(0).start();
          return (first, n) -> {
            NoiseSource.Batch batch = run.batch(first, n);
            return shape -> {
              INDArray next = batch.next(shape);
              drawn.add(next);
              return next;
            };
          };
        };
    SamplingRequest request = request(3).noise(noise).build();
    new DdimSampler(6, 1).withJumps(2, 2).sample(GAUSSIAN, request).close();
    assertThat(drawn).hasSizeGreaterThan(6).allMatch(INDArray::wasClosed);
    assertThat(request.known().x0().wasClosed()).isFalse();
    assertThat(request.known().mask().wasClosed()).isFalse();
    assertThat(request).asString().contains("known=FLOAT [1, 4]");
  }
}
