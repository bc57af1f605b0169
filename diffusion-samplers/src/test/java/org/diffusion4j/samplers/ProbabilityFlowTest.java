package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.samplers.ProbabilityFlow.Divergence;
import org.diffusion4j.samplers.ProbabilityFlow.Likelihood;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** With the exact denoiser of a mixture, whose densities and scores are known. */
class ProbabilityFlowTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.cosine(1000);

  private static DifferentiableMixture inThePlane(Prediction prediction) {
    return new DifferentiableMixture(MixtureDenoiser.inThePlane(SCHEDULE, prediction));
  }

  /** Points near and far from the modes. */
  private static INDArray points() {
    return Nd4j.create(
        new float[] {-1.5f, 1, -0.8f, 1.3f, 1.5f, -0.5f, 1.2f, -0.9f, -0.3f, 0.6f, 2.1f, 0.3f},
        new long[] {6, 2},
        'c');
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void logLikelihood_exact_isThatOfTheMixture(Prediction prediction) {
    DifferentiableMixture model = inThePlane(prediction);
    try (INDArray x = points()) {
      Likelihood found =
          ProbabilityFlow.of(model).logLikelihood(x, Condition.none(), Divergence.exact());
      assertThat(found.denoiserCalls()).isBetween(100, 1000);
      double[] exact = densities(model, x);
      for (int i = 0; i < exact.length; i++) {
        assertThat(found.nats()[i] / 2).isCloseTo(exact[i] / 2, within(1e-3));
        assertThat(found.standardErrors()[i]).isZero();
        assertThat(found.solverErrors()[i]).isBetween(0.0, 5e-3);
      }
      assertThat(found.bitsPerDimension())
          .isCloseTo(
              -Arrays.stream(exact).average().orElseThrow() / 2 / Math.log(2), within(1.5e-3));
      assertThat(found.bitsPerDimension(127.5) - found.bitsPerDimension())
          .isCloseTo(6.9944, within(1e-4));
    }
  }

  static Stream<Arguments> processes() {
    return Stream.of(
        Arguments.of(NoiseSchedule.flow(1000), Prediction.FLOW),
        Arguments.of(NoiseSchedule.edm(1000), Prediction.EDM),
        Arguments.of(NoiseSchedule.varianceExploding(1000, 0.01, 80), Prediction.SCORE),
        Arguments.of(NoiseSchedule.linear(1000), Prediction.EPSILON),
        Arguments.of(NoiseSchedule.trigonometric(1000), Prediction.VELOCITY));
  }

  @ParameterizedTest
  @MethodSource("processes")
  void logLikelihood_ofAnyProcess_isThatOfTheMixture(NoiseSchedule process, Prediction prediction) {
    DifferentiableMixture model =
        new DifferentiableMixture(MixtureDenoiser.inThePlane(process, prediction));
    try (INDArray x = points()) {
      Likelihood found =
          ProbabilityFlow.of(model).logLikelihood(x, Condition.none(), Divergence.exact());
      double[] exact = densities(model, x);
      for (int i = 0; i < exact.length; i++) {
        assertThat(found.nats()[i] / 2).isCloseTo(exact[i] / 2, within(1e-3));
      }
    }
  }

  private static double[] densities(DifferentiableMixture model, INDArray x) {
    float[] values = Values.of(x);
    double[] densities = new double[values.length / 2];
    for (int i = 0; i < densities.length; i++) {
      densities[i] = model.logDensity(new double[] {values[2 * i], values[2 * i + 1]}, 0);
    }
    return densities;
  }

  @Test
  void logLikelihood_ofHutchinson_isWithinItsStandardError() {
    DifferentiableMixture model = inThePlane(Prediction.EPSILON);
    try (INDArray x = points()) {
      Likelihood found =
          ProbabilityFlow.of(model)
              .withTolerance(1e-4)
              .logLikelihood(x, Condition.none(), Divergence.hutchinson(24, 5));
      double[] exact = densities(model, x);
      double squares = 0;
      for (int i = 0; i < exact.length; i++) {
        assertThat(found.standardErrors()[i]).isPositive().isLessThan(1.5);
        squares += Math.pow((found.nats()[i] - exact[i]) / found.standardErrors()[i], 2);
      }
      assertThat(squares / exact.length).isLessThan(3);
    }
  }

  @Test
  void logLikelihood_ofSamplesInBatches_isTheSame() {
    ProbabilityFlow flow = ProbabilityFlow.of(inThePlane(Prediction.VELOCITY)).withTolerance(1e-4);
    try (INDArray x = points()) {
      Divergence divergence = Divergence.hutchinson(2, 3);
      Likelihood whole = flow.logLikelihood(x, Condition.none(), divergence);
      Likelihood parts = flow.withBatchSize(4).logLikelihood(x, Condition.none(), divergence);
      assertThat(parts.nats()).isEqualTo(whole.nats());
      assertThat(parts.denoiserCalls()).isGreaterThan(whole.denoiserCalls());
    }
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void decode_ofEncoded_isTheSample(Prediction prediction) {
    ProbabilityFlow flow = ProbabilityFlow.of(inThePlane(prediction)).withTolerance(1e-6);
    try (INDArray x = points();
        INDArray noise = flow.encode(x, Condition.none());
        INDArray back = flow.decode(noise, Condition.none())) {
      assertThat(Values.of(back)).containsExactly(Values.of(x), within(1e-4f));
      assertThat(noise.distance2(x)).isGreaterThan(0.5);
    }
  }

  @Test
  void encode_ofAGaussian_scalesIt() {
    double deviation = 0.5;
    MixtureDenoiser model =
        new MixtureDenoiser(
            SCHEDULE,
            Prediction.SAMPLE,
            new double[][] {{0}},
            new double[] {deviation},
            new double[] {1});
    Level top = Level.of(SCHEDULE.alphaBar(999));
    double ratio = top.signal() * Math.hypot(deviation, top.sigma()) / deviation;
    try (INDArray x = Values.column(-0.7f, 0.2f, 1.1f);
        INDArray noise = ProbabilityFlow.of(model).encode(x, Condition.none())) {
      float[] values = Values.of(noise);
      assertThat(values[0]).isCloseTo((float) (-0.7 * ratio), within(2e-4f));
      assertThat(values[1]).isCloseTo((float) (0.2 * ratio), within(2e-4f));
      assertThat(values[2]).isCloseTo((float) (1.1 * ratio), within(2e-4f));
    }
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void score_isTheGradientOfTheLogDensity(Prediction prediction) {
    DifferentiableMixture model = inThePlane(prediction);
    Level level = Level.of(SCHEDULE.alphaBar(300));
    try (INDArray x = points();
        INDArray score = ProbabilityFlow.of(model).score(x, 300, Condition.none())) {
      float[] values = Values.of(x);
      float[] found = Values.of(score);
      for (int k = 0; k < values.length; k++) {
        double up = noisyLogDensity(model, values, k, 1e-4, level);
        double down = noisyLogDensity(model, values, k, -1e-4, level);
        assertThat((double) found[k]).isCloseTo((up - down) / 2e-4, within(1e-3));
      }
    }
  }

  /** Of x_t: that of {@code x_t / signal}, but for a constant. */
  private static double noisyLogDensity(
      DifferentiableMixture model, float[] values, int moved, double by, Level level) {
    double[] point = new double[2];
    for (int d = 0; d < 2; d++) {
      int k = moved / 2 * 2 + d;
      point[d] = (values[k] + (k == moved ? by : 0)) / level.signal();
    }
    return model.logDensity(point, level.sigma());
  }

  @Test
  void langevin_fromAnyStart_hasTheMarginal() {
    int t = 600;
    MixtureDenoiser model = MixtureDenoiser.threeModes(SCHEDULE, Prediction.VELOCITY);
    Level level = Level.of(SCHEDULE.alphaBar(t));
    double mean = 0;
    double second = 0;
    for (int k = 0; k < 3; k++) {
      double m = model.means()[k][0];
      mean += model.weights()[k] * m;
      second += model.weights()[k] * (m * m + Math.pow(model.deviations()[k], 2));
    }
    double variance = level.alphaBar() * (second - mean * mean) + level.noise() * level.noise();
    try (INDArray start = Nd4j.zeros(4000, 1).addi(3);
        INDArray x =
            ProbabilityFlow.of(model)
                .langevin(start, t, Condition.none(), 200, 0.1, NoiseSource.perSample(1))) {
      double found = x.meanNumber().doubleValue();
      assertThat(found).isCloseTo(level.signal() * mean, within(0.1));
      assertThat(x.varNumber().doubleValue()).isCloseTo(variance, within(0.15));
      assertThat(start.meanNumber().doubleValue()).isEqualTo(3);
    }
  }

  /** Draws random numbers, or says so. */
  private static final Denoiser RANDOM =
      new Denoiser() {
        @Override
        public NoiseSchedule schedule() {
          return SCHEDULE;
        }

        @Override
        public long[] sampleShape() {
          return new long[] {1};
        }

        @Override
        public boolean isDeterministic() {
          return false;
        }

        @Override
        public INDArray predict(INDArray xt, INDArray t, Condition condition) {
          throw new AssertionError("called");
        }
      };

  @Test
  void badInput_isNamedBeforeTheFirstCall() {
    MixtureDenoiser plain = MixtureDenoiser.twoModes(SCHEDULE, Prediction.EPSILON);
    FunctionDenoiser never =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              throw new AssertionError("called");
            },
            1);
    ProbabilityFlow flow = ProbabilityFlow.of(never);
    try (INDArray x = Values.column(1);
        INDArray wrong = Nd4j.zeros(1, 2);
        INDArray infinite = Values.column(Float.NaN)) {
      assertThatThrownBy(
              () ->
                  ProbabilityFlow.of(plain).logLikelihood(x, Condition.none(), Divergence.exact()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("must be differentiable for a likelihood but only predicts");
      for (Consumer<ProbabilityFlow> use :
          List.<Consumer<ProbabilityFlow>>of(
              f -> f.encode(x, Condition.none()),
              f -> f.decode(x, Condition.none()),
              f -> f.logLikelihood(x, Condition.none(), Divergence.exact()))) {
        assertThatThrownBy(() -> use.accept(ProbabilityFlow.of(RANDOM)))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("must be deterministic for its probability flow");
      }
      assertThat(RANDOM.guidedByLoss((i, output, gradient) -> 0, 1).isDeterministic()).isFalse();
      assertThatThrownBy(() -> flow.encode(wrong, Condition.none()))
          .hasMessageContaining("samples must be FLOAT [n, 1]")
          .hasMessageContaining("[1, 2]");
      assertThatThrownBy(() -> flow.decode(infinite, Condition.none()))
          .hasMessageContaining("samples must be finite but sample 0 was not");
      assertThatThrownBy(() -> flow.score(x, 1000, Condition.none()))
          .hasMessageContaining("timestep must be in [0, 999] but was 1000");
      assertThatThrownBy(
              () -> flow.langevin(x, 3, Condition.none(), 0, 0.1, NoiseSource.perSample(1)))
          .hasMessageContaining("steps must be at least 1 but was 0");
      assertThatThrownBy(
              () -> flow.langevin(x, 3, Condition.none(), 1, 2, NoiseSource.perSample(1)))
          .hasMessageContaining("step size must be in (0, 1] but was 2.0");
    }
    assertThatThrownBy(() -> flow.withTolerance(1e-9))
        .hasMessageContaining("tolerance must be in [1e-8, 0.1] but was 1.0E-9");
    assertThatThrownBy(() -> flow.withBatchSize(0)).hasMessageContaining("at least 1 but was 0");
    assertThatThrownBy(() -> Divergence.hutchinson(0, 1))
        .hasMessageContaining("probes must be at least 1 but were 0");
    assertThatThrownBy(
            () ->
                ProbabilityFlow.of(
                    MixtureDenoiser.twoModes(SCHEDULE.withZeroTerminalSnr(), Prediction.EPSILON)))
        .hasMessageContaining("but predicts noise");
  }

  @Test
  void flow_ofAnInterruptedThread_ends() {
    Thread.currentThread().interrupt();
    try (INDArray x = points()) {
      assertThatThrownBy(
              () -> ProbabilityFlow.of(inThePlane(Prediction.EPSILON)).encode(x, Condition.none()))
          .hasMessageContaining("interrupted");
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
