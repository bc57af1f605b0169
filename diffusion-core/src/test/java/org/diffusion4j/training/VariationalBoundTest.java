package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.training.NoisyBatches.normal;

import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.samplers.MixtureDenoiser;
import org.diffusion4j.training.VariationalBound.Result;
import org.diffusion4j.training.VariationalBound.Variance;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class VariationalBoundTest {

  private static final double LOG_2 = Math.log(2);

  private static MixtureDenoiser gaussian(
      NoiseSchedule schedule, Prediction prediction, double mean, double deviation) {
    return new MixtureDenoiser(
        schedule, prediction, new double[][] {{mean}}, new double[] {deviation}, new double[] {1});
  }

  private static INDArray draws(int n, double mean, double deviation) {
    return normal(4, n, 1).muli(deviation).addi(mean);
  }

  private static double entropyBits(double deviation) {
    return 0.5 * Math.log(2 * Math.PI * Math.E * deviation * deviation) / LOG_2;
  }

  private static Result evaluate(VariationalBound bound, INDArray x0) {
    return bound.evaluate(x0, Condition.none(), 3, 5000);
  }

  /** The reverse process of normal noise is exact with beta, however few steps there are. */
  @ParameterizedTest
  @EnumSource(Prediction.class)
  void evaluate_standardNormalDataWithBeta_isTheEntropy(Prediction prediction) {
    NoiseSchedule schedule = NoiseSchedule.linear(8, 0.1, 0.6);
    Denoiser model = gaussian(schedule, prediction, 0, 1);
    Result result = evaluate(VariationalBound.ofDensity(model, Variance.BETA), draws(20_000, 0, 1));
    assertThat(result.standardError()).isLessThan(0.012);
    assertThat(result.total()).isCloseTo(entropyBits(1), within(3 * result.standardError()));
  }

  /** The variance of the exact reverse step of a Gaussian, as the v of equation 15. */
  private static double exactV(NoiseSchedule schedule, double deviation, int t) {
    double alphaBar = schedule.alphaBar(t);
    double ofX0 = Math.sqrt(schedule.alphaBar(t - 1)) * schedule.beta(t) / (1 - alphaBar);
    double square = deviation * deviation;
    double posteriorOfX0 = square * (1 - alphaBar) / (alphaBar * square + 1 - alphaBar);
    double variance = schedule.posteriorVariance(t) + ofX0 * ofX0 * posteriorOfX0;
    double low = Math.log(schedule.posteriorVariance(Math.max(1, t)));
    double high = Math.log(schedule.beta(t));
    return 2 * (Math.log(variance) - low) / (high - low) - 1;
  }

  @ParameterizedTest
  @CsvSource({"0.5, 0.3", "-1, 1.4", "2, 0.05"})
  void evaluate_gaussianDataWithItsExactVariance_isTheEntropyAndThePriorsPart(
      double mean, double deviation) {
    NoiseSchedule schedule = NoiseSchedule.linear(12, 0.05, 0.7);
    Denoiser model =
        new WithVariance(
            gaussian(schedule, Prediction.EPSILON, mean, deviation),
            t -> exactV(schedule, deviation, t));
    Result result =
        evaluate(
            VariationalBound.ofDensity(model, Variance.LEARNED), draws(20_000, mean, deviation));
    // What is left is how far q(x_T) is from N(0, 1).
    double alphaBar = schedule.alphaBar(11);
    double variance = alphaBar * deviation * deviation + 1 - alphaBar;
    double gap = 0.5 * (variance + alphaBar * mean * mean - 1 - Math.log(variance)) / LOG_2;
    assertThat(result.total())
        .isCloseTo(entropyBits(deviation) + gap, within(3 * result.standardError()));
    assertThat(result.standardError()).isLessThan(0.02);
  }

  @ParameterizedTest
  @EnumSource(
      value = Variance.class,
      names = {"BETA", "POSTERIOR"})
  void evaluate_gaussianDataWithFixedVariance_hasTheTermsOfTheFormula(Variance variance) {
    NoiseSchedule schedule = NoiseSchedule.linear(10, 0.1, 0.5);
    double deviation = 0.5;
    Denoiser model = gaussian(schedule, Prediction.VELOCITY, 0, deviation);
    Result result =
        evaluate(VariationalBound.ofDensity(model, variance), draws(20_000, 0, deviation));
    for (int t = 0; t < 10; t++) {
      double alphaBar = schedule.alphaBar(t);
      double square = deviation * deviation;
      double error = square * (1 - alphaBar) / (alphaBar * square + 1 - alphaBar);
      double posterior = schedule.posteriorVariance(Math.max(t, 1));
      double of = variance == Variance.BETA ? schedule.beta(t) : posterior;
      double share = Math.sqrt(schedule.alphaBar(t - 1)) * schedule.beta(t) / (1 - alphaBar);
      double nats =
          t == 0
              ? 0.5 * (Math.log(2 * Math.PI * of) + error / of)
              : 0.5 * (Math.log(of / posterior) - 1 + (posterior + share * share * error) / of);
      // The mean of 20 000 squares of a normal number is off by a hundredth of itself.
      double spread = 0.04 * share * share * error / of / 2 / LOG_2;
      assertThat(result.terms().get(t)).as("term %s", t).isCloseTo(nats / LOG_2, within(spread));
    }
    assertThat(result.decoder()).isEqualTo(result.terms().get(0));
  }

  @Test
  void evaluate_mixture_comesDownToTheEntropyWithMoreSteps() {
    // Of two modes at -2 and 2 with deviation 0.5, in bits.
    double entropy = 0;
    for (double x = -6; x < 6; x += 1e-3) {
      double density =
          (Math.exp(-2 * (x - 2) * (x - 2)) + Math.exp(-2 * (x + 2) * (x + 2)))
              / (2 * 0.5 * Math.sqrt(2 * Math.PI));
      entropy -= density * Math.log(density) / LOG_2 * 1e-3;
    }
    INDArray x0 = normal(4, 4000, 1).muli(0.5);
    for (int i = 0; i < 4000; i++) {
      x0.putScalar(i, 0, x0.getDouble(i, 0) + (i % 2 == 0 ? 2 : -2));
    }
    double few = mixture(10, x0);
    double more = mixture(40, x0);
    double many = mixture(160, x0);
    assertThat(few).isGreaterThan(more);
    assertThat(more).isGreaterThan(many);
    assertThat(many).isBetween(entropy - 0.02, entropy + 0.06);
  }

  private static double mixture(int steps, INDArray x0) {
    Denoiser model = MixtureDenoiser.twoModes(NoiseSchedule.cosine(steps), Prediction.SAMPLE);
    return evaluate(VariationalBound.ofDensity(model, Variance.BETA), x0).total();
  }

  /** A model that always answers with grey, so that every term is known. */
  private record Grey(NoiseSchedule schedule) implements Denoiser {

    @Override
    public long[] sampleShape() {
      return new long[] {1, 2, 2};
    }

    @Override
    public Prediction prediction() {
      return Prediction.SAMPLE;
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      return Nd4j.zerosLike(xt).addi(0.25);
    }
  }

  @Test
  void evaluate_images_hasTheTermsOfTheFormula() {
    NoiseSchedule schedule = NoiseSchedule.linear(6, 0.1, 0.6);
    INDArray x0 = Nd4j.createFromArray(-1f, 1f, 51 / 127.5f - 1, 0.2f).reshape(1, 1, 2, 2);
    Result result =
        VariationalBound.ofImages(new Grey(schedule), Variance.BETA)
            .evaluate(x0, Condition.none(), 0, 1);
    double decoder = 0;
    double prior = 0;
    double squares = 0;
    double alphaBar = schedule.alphaBar(5);
    for (double x : Floats.of(x0)) {
      decoder += EightBit.nats(x, 0.25, Math.log(0.1)) / 4 / LOG_2;
      prior += 0.5 * (alphaBar * x * x + 1 - alphaBar - 1 - Math.log(1 - alphaBar)) / 4 / LOG_2;
      squares += (x - 0.25) * (x - 0.25) / 4;
    }
    assertThat(result.prior()).isCloseTo(prior, within(1e-12));
    assertThat(result.decoder()).isCloseTo(decoder, within(1e-6));
    double sum = prior + decoder;
    for (int t = 1; t < 6; t++) {
      double posterior = schedule.posteriorVariance(t);
      double beta = schedule.beta(t);
      double share = Math.sqrt(schedule.alphaBar(t - 1)) * beta / (1 - schedule.alphaBar(t));
      double nats =
          0.5 * (Math.log(beta / posterior) - 1 + (posterior + share * share * squares) / beta);
      assertThat(result.terms().get(t)).isCloseTo(nats / LOG_2, within(1e-6));
      sum += nats / LOG_2;
    }
    assertThat(result.total()).isCloseTo(sum, within(1e-5));
    assertThat(result.samples()).isEqualTo(1);
    assertThat(result.standardError()).isNaN();
  }

  @Test
  void evaluate_images_clipsWhatTheModelSees() {
    NoiseSchedule schedule = NoiseSchedule.linear(6, 0.1, 0.6);
    INDArray x0 = Nd4j.ones(DataType.FLOAT, 2, 1);
    Denoiser far = gaussian(schedule, Prediction.SAMPLE, 7, 1e-3);
    Denoiser end = gaussian(schedule, Prediction.SAMPLE, 1, 1e-9);
    assertThat(evaluate(VariationalBound.ofImages(far, Variance.BETA), x0).total())
        .isCloseTo(
            evaluate(VariationalBound.ofImages(end, Variance.BETA), x0).total(), within(1e-6));
  }

  private static final MixtureDenoiser PLANE =
      MixtureDenoiser.inThePlane(NoiseSchedule.linear(30, 0.01, 0.4), Prediction.EPSILON);

  @ParameterizedTest
  @CsvSource({"30", "7", "2"})
  void evaluate_inBatchesOfAnySize_isTheSame(int timesteps) {
    INDArray x0 = normal(6, 10, 2);
    VariationalBound bound =
        VariationalBound.ofDensity(PLANE, Variance.POSTERIOR).withTimesteps(timesteps);
    Result whole = bound.evaluate(x0, Condition.none(), 5, 10);
    assertThat(bound.evaluate(x0, Condition.none(), 5, 1)).isEqualTo(whole);
    assertThat(bound.evaluate(x0, Condition.none(), 5, 4)).isEqualTo(whole);
    assertThat(bound.evaluate(x0.dup('f'), Condition.none(), 5, 100)).isEqualTo(whole);
    assertThat(bound.evaluate(x0, Condition.none(), 6, 10)).isNotEqualTo(whole);
  }

  @Test
  void evaluate_everyTimestep_addsUp() {
    INDArray x0 = normal(6, 10, 2);
    INDArray before = x0.dup();
    Result result =
        VariationalBound.ofDensity(PLANE, Variance.POSTERIOR).evaluate(x0, Condition.none(), 5, 3);
    double sum = result.terms().stream().mapToDouble(term -> term).sum();
    assertThat(result.terms()).hasSize(30);
    assertThat(result.total()).isCloseTo(result.prior() + sum, within(1e-12));
    assertThat(x0).isEqualTo(before);
  }

  @Test
  void evaluate_someTimesteps_estimatesAll() {
    INDArray x0 = normal(6, 10_000, 2);
    VariationalBound bound = VariationalBound.ofDensity(PLANE, Variance.BETA);
    Result all = bound.evaluate(x0, Condition.none(), 5, 10_000);
    Result some = bound.withTimesteps(6).evaluate(x0, Condition.none(), 5, 10_000);
    double error = Math.hypot(all.standardError(), some.standardError());
    assertThat(some.total()).isCloseTo(all.total(), within(3 * error));
    assertThat(some.total()).isNotEqualTo(all.total());
  }

  @Test
  void evaluate_someTimestepsOfOneSample_sayWhichWereNotAsked() {
    Result result =
        VariationalBound.ofDensity(PLANE, Variance.BETA)
            .withTimesteps(4)
            .evaluate(normal(6, 1, 2), Condition.none(), 5, 1);
    List<Double> terms = result.terms();
    assertThat(terms.get(0)).isFinite();
    assertThat(terms.stream().filter(term -> !term.isNaN()).count()).isEqualTo(4);
  }

  @Test
  void evaluate_fixedVarianceOfAModelThatLearnsIt_leavesItsOwnAside() {
    INDArray x0 = normal(6, 5, 2);
    Result own =
        VariationalBound.ofDensity(new WithVariance(PLANE, t -> 1), Variance.LEARNED)
            .evaluate(x0, Condition.none(), 5, 5);
    Result aside =
        VariationalBound.ofDensity(new WithVariance(PLANE, t -> -0.3), Variance.BETA)
            .evaluate(x0, Condition.none(), 5, 5);
    assertThat(aside.total()).isCloseTo(own.total(), within(1e-9));
  }

  @Test
  void of_whatDoesNotFit_refuses() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> VariationalBound.ofDensity(PLANE, Variance.LEARNED))
        .withMessage(
            "variance must be BETA or POSTERIOR for a model that does not learn it but was"
                + " LEARNED");
    Denoiser noise =
        MixtureDenoiser.twoModes(
            NoiseSchedule.linear(30, 0.01, 0.4).withZeroTerminalSnr(), Prediction.EPSILON);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> VariationalBound.ofDensity(noise, Variance.BETA))
        .withMessageContaining("but was 0 at timestep 29");
  }

  @Test
  void evaluate_zeroTerminalSnr_isFinite() {
    Denoiser model =
        MixtureDenoiser.twoModes(
            NoiseSchedule.linear(30, 0.01, 0.4).withZeroTerminalSnr(), Prediction.VELOCITY);
    Result result = evaluate(VariationalBound.ofDensity(model, Variance.BETA), draws(100, 2, 0.5));
    assertThat(result.total()).isFinite();
    assertThat(result.prior()).isEqualTo(0);
  }

  @ParameterizedTest
  @CsvSource({"1", "0", "31"})
  void withTimesteps_outOfRange_refuses(int count) {
    VariationalBound bound = VariationalBound.ofDensity(PLANE, Variance.BETA);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> bound.withTimesteps(count))
        .withMessage("timesteps must be in [2, 30] but were " + count);
  }

  @Test
  void evaluate_badSamples_refuses() {
    VariationalBound bound = VariationalBound.ofImages(PLANE, Variance.BETA);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> evaluate(bound, normal(1, 3, 4)))
        .withMessage("samples must be FLOAT [n, 2] but were FLOAT [3, 4]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> evaluate(bound, normal(1, 3, 2).castTo(DataType.DOUBLE)))
        .withMessage("samples must be FLOAT [n, 2] but were DOUBLE [3, 2]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> evaluate(bound, Nd4j.ones(DataType.FLOAT, 3, 2).muli(2)))
        .withMessageEndingWith("but one was 2.0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> bound.evaluate(normal(1, 3, 2), Condition.labels(1), 0, 1))
        .withMessage("condition must have one label per sample, 3, but has 1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> bound.evaluate(normal(1, 3, 2), Condition.none(), 0, 0))
        .withMessage("batch size must be at least 1 but was 0");
  }

  /** A model that returns what it is told to. */
  private record Telling(@Nullable INDArray output) implements Denoiser {

    @Override
    public NoiseSchedule schedule() {
      return NoiseSchedule.linear(30);
    }

    @Override
    public long[] sampleShape() {
      return new long[] {2};
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      return output == null ? null : output.dup();
    }
  }

  @Test
  void evaluate_badOutputs_refuses() {
    INDArray x0 = normal(6, 2, 2);
    assertThatIllegalStateException()
        .isThrownBy(
            () -> evaluate(VariationalBound.ofDensity(new Telling(null), Variance.BETA), x0))
        .withMessage("the denoiser must return an array but returned null");
    Denoiser wide = new Telling(Nd4j.ones(DataType.FLOAT, 2, 4));
    assertThatIllegalStateException()
        .isThrownBy(() -> evaluate(VariationalBound.ofDensity(wide, Variance.BETA), x0))
        .withMessage("the denoiser must return the shape [2, 2] but returned [2, 4]");
    Denoiser broken = new Telling(Nd4j.createFromArray(1f, 2f, 3f, Float.NaN).reshape(2, 2));
    assertThatIllegalStateException()
        .isThrownBy(() -> evaluate(VariationalBound.ofDensity(broken, Variance.BETA), x0))
        .withMessage("the bound must be finite but was NaN for sample 1 at timestep 29");
  }

  @Test
  void evaluate_oneStep_isPriorAndDecoder() {
    NoiseSchedule schedule = NoiseSchedule.linear(1, 0.5, 0.5);
    Denoiser model = gaussian(schedule, Prediction.EPSILON, 0, 1);
    for (Variance variance : List.of(Variance.BETA, Variance.POSTERIOR)) {
      Result result = evaluate(VariationalBound.ofDensity(model, variance), draws(20_000, 0, 1));
      assertThat(result.terms()).hasSize(1);
      assertThat(result.total()).isCloseTo(entropyBits(1), within(3 * result.standardError()));
    }
  }

  @Test
  void evaluate_sampleBySample_usesThatSamplesNoise() {
    // The term of the first timestep asked about, from the noise that the seed gives.
    INDArray x0 = normal(6, 3, 2);
    Result result =
        VariationalBound.ofDensity(PLANE, Variance.BETA).evaluate(x0, Condition.none(), 5, 2);
    int t = 29;
    NoiseSchedule schedule = PLANE.schedule();
    int[] times = {t, t, t};
    INDArray noise = NoiseSource.perSample(5).start().batch(0, 3).next(3, 2);
    INDArray xt = new ForwardProcess(schedule).noisy(x0, noise, times);
    INDArray time = Nd4j.createFromArray(29f, 29f, 29f);
    INDArray output = PLANE.predict(xt, time, Condition.none());
    INDArray estimate = Prediction.EPSILON.x0(xt, output, schedule.alphaBar(t));
    ForwardProcess process = new ForwardProcess(schedule);
    INDArray distance =
        process.posteriorMean(x0, xt, times).sub(process.posteriorMean(estimate, xt, times));
    double beta = schedule.beta(t);
    double posterior = schedule.posteriorVariance(t);
    double squares = distance.mul(distance).meanNumber().doubleValue();
    double nats = 0.5 * (Math.log(beta / posterior) - 1 + (posterior + squares) / beta);
    assertThat(result.terms().get(t)).isCloseTo(nats / LOG_2, within(1e-5));
  }
}
