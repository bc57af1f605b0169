package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingException;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Guidance by gradients that the caller supplies. */
class GradientGuidanceTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);
  private static final GaussianDenoiser GAUSSIAN = GaussianDenoiser.ofFour(SCHEDULE);
  private static final int COUNT = 2000;

  /** An observation of the first value, with this variance of its error. */
  private static final double Y = 1.5;

  private static final double VARIANCE = 0.5;

  /**
   * The gradient of log p(y | x_t): given x_t, the first value has the mean E[x_0 | x_t] and the
   * variance {@code (1 - alphaBar) / sqrt(alphaBar)} times its derivative.
   */
  private static INDArray ofObservation(INDArray xt, INDArray t, Condition condition) {
    double alphaBar = SCHEDULE.alphaBar((int) t.getFloat(0));
    double[] gain = GAUSSIAN.gain(alphaBar)[0];
    double variance = VARIANCE + (1 - alphaBar) / Math.sqrt(alphaBar) * gain[0];
    float[] x = Values.of(xt);
    float[] gradient = new float[x.length];
    for (int i = 0; i < x.length; i += 4) {
      double x0 = GAUSSIAN.mean()[0];
      for (int k = 0; k < 4; k++) {
        x0 += gain[k] * (x[i + k] - Math.sqrt(alphaBar) * GAUSSIAN.mean()[k]);
      }
      for (int k = 0; k < 4; k++) {
        gradient[i + k] = (float) ((Y - x0) / variance * gain[k]);
      }
    }
    return Nd4j.create(gradient, xt.shape(), 'c');
  }

  @ParameterizedTest
  @ValueSource(strings = {"dpm++2m", "heun"})
  void classifierGuidance_givesTheTiltedDistribution(String sampler) {
    Denoiser guided = GAUSSIAN.guidedByClassifier(GradientGuidanceTest::ofObservation, 1);
    float[] samples = samples(Samplers.named(sampler, 50), guided);
    double[][] c = GAUSSIAN.covariance();
    double[] means = GaussianDenoiser.means(samples, 4);
    for (int k = 0; k < 4; k++) {
      double gain = c[k][0] / (c[0][0] + VARIANCE);
      double mean = GAUSSIAN.mean()[k] + gain * (Y - GAUSSIAN.mean()[0]);
      double variance = c[k][k] - gain * c[0][k];
      assertThat(means[k]).isCloseTo(mean, within(0.02 + 4 * Math.sqrt(variance / COUNT)));
      assertThat(GaussianDenoiser.covariance(samples, 4, k, k))
          .isCloseTo(variance, within(0.02 + 4 * variance * Math.sqrt(2.0 / COUNT)));
    }
  }

  private static float[] samples(Sampler sampler, Denoiser model) {
    SamplingRequest request = SamplingRequest.builder(COUNT).batchSize(COUNT).seed(3).build();
    return SamplerMechanics.samples(sampler, model, request);
  }

  /** Of a mixture with the gradient of its classifier, the component is left. */
  @ParameterizedTest
  @EnumSource
  void classifierGuidance_isTheDenoiserOfTheClass_forEveryPrediction(Prediction prediction) {
    MixtureDenoiser mixture = MixtureDenoiser.inThePlane(SCHEDULE, prediction);
    MixtureDenoiser ofNoise = MixtureDenoiser.inThePlane(SCHEDULE, Prediction.EPSILON);
    Denoiser.Gradient classifier =
        (xt, t, condition) -> {
          double noise = Math.sqrt(1 - SCHEDULE.alphaBar((int) t.getFloat(0)));
          INDArray ofClass = new ClassMixtureDenoiser(ofNoise).ofLabel(1).predict(xt, t, condition);
          return ofNoise.predict(xt, t, condition).subi(ofClass).divi(noise);
        };
    Denoiser guided = mixture.guidedByClassifier(classifier, 1);
    INDArray x = Values.normal(5, 6, 2);
    for (float t : new float[] {0, 300, 999}) {
      INDArray times = Nd4j.valueArrayOf(new long[] {6}, t, DataType.FLOAT);
      INDArray expected =
          new ClassMixtureDenoiser(mixture).ofLabel(1).predict(x, times, Condition.none());
      INDArray actual = guided.predict(x, times, Condition.none());
      double scale = Math.max(1, expected.amaxNumber().doubleValue());
      assertThat(actual.sub(expected).amaxNumber().doubleValue()).isLessThan(1e-4 * scale);
    }
  }

  /** The loss {@code c x_0}, whose density {@code p(x_0) exp(-c x_0)} has the mean m - C c. */
  private static SampleLoss linear(double... c) {
    return (sample, x0, gradient) -> {
      double sum = 0;
      for (int k = 0; k < c.length; k++) {
        gradient[k] = (float) c[k];
        sum += c[k] * x0[k];
      }
      return sum;
    };
  }

  /** The exact denoiser of a Gaussian with its derivative. */
  private record Differentiable(GaussianDenoiser gaussian, Prediction prediction)
      implements Denoiser {

    @Override
    public NoiseSchedule schedule() {
      return gaussian.schedule();
    }

    @Override
    public long[] sampleShape() {
      return gaussian.sampleShape();
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      double alphaBar = SCHEDULE.alphaBar((int) t.getFloat(0));
      INDArray epsilon = gaussian.predict(xt, t, condition);
      INDArray x0 = Prediction.EPSILON.x0(xt, epsilon, alphaBar);
      return prediction.output(x0, epsilon, Level.of(alphaBar));
    }

    @Override
    public boolean isDifferentiable() {
      return true;
    }

    @Override
    public INDArray inputGradient(INDArray xt, INDArray t, Condition condition, SampleLoss loss) {
      double alphaBar = SCHEDULE.alphaBar((int) t.getFloat(0));
      double signal = Math.sqrt(alphaBar);
      double noise = Math.sqrt(1 - alphaBar);
      double[][] gain = gaussian.gain(alphaBar);
      float[] outputs = Values.of(predict(xt, t, condition));
      float[] gradients = new float[outputs.length];
      for (int i = 0; i < outputs.length; i += 4) {
        float[] slope = new float[4];
        loss.of(i / 4, Arrays.copyOfRange(outputs, i, i + 4), slope);
        for (int k = 0; k < 4; k++) {
          for (int j = 0; j < 4; j++) {
            double ofX0 = gain[k][j];
            double ofEpsilon = ((k == j ? 1 : 0) - signal * ofX0) / noise;
            double derivative =
                prediction.ofX0(Level.of(alphaBar)) * ofX0
                    + prediction.ofEpsilon(Level.of(alphaBar)) * ofEpsilon;
            gradients[i + k] += (float) (derivative * slope[j]);
          }
        }
      }
      return Nd4j.create(gradients, xt.shape(), 'c');
    }
  }

  @ParameterizedTest
  @CsvSource({"EPSILON, 1", "SAMPLE, 1", "VELOCITY, 0.5", "FLOW, 1", "SCORE, 1"})
  void lossGuidance_throughTheNetwork_tiltsTheDistribution(Prediction prediction, double scale) {
    Denoiser model = new Differentiable(GAUSSIAN, prediction);
    Denoiser guided = model.guidedByLoss(linear(1, 0, -0.5, 0), scale);
    float[] samples = samples(Samplers.named("dpm++2m", 50), guided);
    double[] means = GaussianDenoiser.means(samples, 4);
    for (int k = 0; k < 4; k++) {
      double[] row = GAUSSIAN.covariance()[k];
      double mean = GAUSSIAN.mean()[k] - scale * (row[0] - 0.5 * row[2]);
      assertThat(means[k]).isCloseTo(mean, within(0.02 + 4 / Math.sqrt(COUNT)));
      assertThat(GaussianDenoiser.covariance(samples, 4, k, k))
          .isCloseTo(1, within(0.02 + 4 * Math.sqrt(2.0 / COUNT)));
    }
  }

  /** Standard normal data: there the derivative that is taken is exact. */
  @ParameterizedTest
  @EnumSource
  void lossGuidance_withoutTheNetwork_isExactForStandardNormalData(Prediction prediction) {
    Denoiser model =
        new MixtureDenoiser(
            SCHEDULE, prediction, new double[][] {{0, 0}}, new double[] {1}, new double[] {1});
    float[] samples =
        samples(Samplers.named("dpm++2m", 50), model.guidedByLoss(linear(1, -0.5), 1.5));
    double[] means = GaussianDenoiser.means(samples, 2);
    assertThat(means[0]).isCloseTo(-1.5, within(0.02 + 4 / Math.sqrt(COUNT)));
    assertThat(means[1]).isCloseTo(0.75, within(0.02 + 4 / Math.sqrt(COUNT)));
    for (int k = 0; k < 2; k++) {
      assertThat(GaussianDenoiser.covariance(samples, 2, k, k))
          .isCloseTo(1, within(0.02 + 4 * Math.sqrt(2.0 / COUNT)));
    }
  }

  @Test
  void learnedVariance_isLeftAsItIs() {
    Denoiser learns =
        new Denoiser() {
          @Override
          public NoiseSchedule schedule() {
            return SCHEDULE;
          }

          @Override
          public long[] sampleShape() {
            return new long[] {1, 2};
          }

          @Override
          public boolean learnsVariance() {
            return true;
          }

          @Override
          public INDArray predict(INDArray xt, INDArray t, Condition condition) {
            return Nd4j.ones(DataType.FLOAT, xt.size(0), 2, 2);
          }
        };
    INDArray x = Values.normal(1, 3, 1, 2);
    INDArray t = Nd4j.valueArrayOf(new long[] {3}, 500f, DataType.FLOAT);
    for (Denoiser guided :
        new Denoiser[] {
          learns.guidedByClassifier((xt, times, c) -> xt.dup(), 2),
          learns.guidedByLoss(linear(1, 1), 2)
        }) {
      INDArray output = guided.predict(x, t, Condition.none());
      assertThat(output.shape()).containsExactly(3, 2, 2);
      for (int i = 0; i < 3; i++) {
        assertThat(Values.of(output.slice(i).slice(0))).doesNotContain(1);
        assertThat(Values.of(output.slice(i).slice(1))).containsExactly(1, 1);
      }
    }
  }

  @Test
  void noise_isThatBetweenTimesteps_andThereIsNoneWithoutSignal() {
    NoiseSchedule schedule = SCHEDULE.withZeroTerminalSnr();
    Denoiser model = MixtureDenoiser.inThePlane(schedule, Prediction.VELOCITY);
    Denoiser guided = model.guidedByClassifier((xt, t, c) -> xt.dup(), 1);
    INDArray x = Values.normal(1, 1, 2);
    double before = 0;
    for (float t : new float[] {100, 100.25f, 100.75f, 101}) {
      INDArray times = Nd4j.createFromArray(t);
      INDArray change =
          guided
              .predict(x, times, Condition.none())
              .subi(model.predict(x, times, Condition.none()));
      double moved = -change.getDouble(0) / x.getDouble(0);
      assertThat(moved).isGreaterThan(before);
      before = moved;
    }
    assertThat(before).isCloseTo(schedule.sigma(101), within(1e-4));
    INDArray end = Nd4j.createFromArray(999f);
    assertThat(guided.predict(x, end, Condition.none()))
        .isEqualTo(model.predict(x, end, Condition.none()));
  }

  @Test
  void badGuidance_isNamed() {
    for (double scale : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> GAUSSIAN.guidedByClassifier((x, t, c) -> x.dup(), scale))
          .withMessage("guidance scale must be finite but was " + scale);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> GAUSSIAN.guidedByLoss(linear(1, 1, 1, 1), scale))
          .withMessageStartingWith("guidance scale must be finite but was ");
    }
    assertFails(
        GAUSSIAN.guidedByClassifier((x, t, c) -> x.div(0), 1),
        "guidance gradient must be finite but was not for sample 0 of a batch at timestep 999");
    assertFails(
        GAUSSIAN.guidedByClassifier((x, t, c) -> Nd4j.zeros(DataType.FLOAT, 1, 3), 1),
        "guidance gradient must be FLOAT [2, 4] but was FLOAT [1, 3]");
    assertFails(
        GAUSSIAN.guidedByClassifier((x, t, c) -> null, 1),
        "guidance gradient must be FLOAT [2, 4] but was null");
    assertFails(
        GAUSSIAN.guidedByLoss(linear(1, Double.NaN), 1),
        "gradient of the loss must be finite but was not for sample 0 of a batch at timestep 999");
    assertFails(
        new Differentiable(GAUSSIAN, Prediction.EPSILON).guidedByLoss(linear(Double.NaN), 1),
        "gradient of the loss must be finite but was not for sample 0 of a batch at timestep 999");
  }

  private static void assertFails(Denoiser model, String message) {
    assertThatExceptionOfType(SamplingException.class)
        .isThrownBy(() -> new DdimSampler(5).sample(model, 2))
        .withMessage(message);
  }

  @Test
  void inputGradient_ofADenoiserThatOnlyPredicts_isRefused() {
    assertThat(GAUSSIAN.isDifferentiable()).isFalse();
    assertThatExceptionOfType(UnsupportedOperationException.class)
        .isThrownBy(
            () ->
                GAUSSIAN.inputGradient(
                    Values.normal(1, 1, 4), Nd4j.createFromArray(5f), Condition.none(), linear(1)));
  }
}
