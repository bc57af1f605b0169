package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.training.NoisyBatches.normal;

import java.util.List;
import org.assertj.core.data.Percentage;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.samplers.MixtureDenoiser;
import org.diffusion4j.training.Loss.Weighting;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;

class MeanSquaredErrorLossTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100, 1e-3, 0.1);
  private static final int[] T = {3, 40, 90};

  private static Loss.NoisyBatch batch(Prediction prediction) {
    return NoisyBatches.of(normal(1, 3, 2, 2, 2), SCHEDULE, prediction, T);
  }

  /** The target's definition, one value at a time. */
  private static double target(Loss.NoisyBatch batch, int sample, int i) {
    double x0 = batch.x0().getDouble(sample, i / 4, i / 2 % 2, i % 2);
    double noise = batch.noise().getDouble(sample, i / 4, i / 2 % 2, i % 2);
    double alphaBar = SCHEDULE.alphaBar(T[sample]);
    return switch (batch.prediction()) {
      case EPSILON -> noise;
      case SAMPLE -> x0;
      case VELOCITY -> Math.sqrt(alphaBar) * noise - Math.sqrt(1 - alphaBar) * x0;
      case EDM -> Math.sqrt(1 - alphaBar) * x0 - Math.sqrt(alphaBar) * noise;
      case FLOW -> noise - x0;
      case SCORE -> -noise / Math.sqrt(1 - alphaBar);
    };
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void loss_ofEachPrediction_isItsWeightedSquaredErrorAndTheDerivative(Prediction prediction) {
    Loss.NoisyBatch batch = batch(prediction);
    Weighting weighting = Weighting.minSnr(2);
    SampleLoss loss = Loss.meanSquaredError(weighting).of(batch);
    for (int sample = 0; sample < 3; sample++) {
      float[] output = normal(9 + sample, 8).toFloatVector();
      float[] gradient = normal(5, 8).toFloatVector();
      double weight = weighting.of(prediction, SCHEDULE.snr(T[sample]));
      weight *= prediction == Prediction.SCORE ? 1 - SCHEDULE.alphaBar(T[sample]) : 1;
      double expected = 0;
      double value = loss.of(sample, output, gradient);
      for (int i = 0; i < 8; i++) {
        double error = output[i] - target(batch, sample, i);
        expected += weight * error * error / 24;
        assertThat((double) gradient[i]).isCloseTo(2 * weight * error / 24, within(1e-7));
      }
      assertThat(value).isCloseTo(expected, Percentage.withPercentage(1e-4));
    }
  }

  @Test
  void loss_ofTheTarget_isNone() {
    for (Prediction prediction : Prediction.values()) {
      Loss.NoisyBatch batch = batch(prediction);
      float[] output = new float[8];
      for (int i = 0; i < 8; i++) {
        output[i] = (float) target(batch, 1, i);
      }
      float[] gradient = new float[8];
      assertThat(Loss.meanSquaredError().of(batch).of(1, output, gradient))
          .isCloseTo(0, within(1e-13));
    }
  }

  /** What an estimate of x_0 is as an output. */
  private static double output(Prediction prediction, double xt, double x0, double alphaBar) {
    double noise = (xt - Math.sqrt(alphaBar) * x0) / Math.sqrt(1 - alphaBar);
    return switch (prediction) {
      case EPSILON -> noise;
      case SAMPLE -> x0;
      case VELOCITY -> Math.sqrt(alphaBar) * noise - Math.sqrt(1 - alphaBar) * x0;
      case EDM -> Math.sqrt(1 - alphaBar) * x0 - Math.sqrt(alphaBar) * noise;
      case FLOW -> noise - x0;
      case SCORE -> -noise / Math.sqrt(1 - alphaBar);
    };
  }

  @Test
  void loss_ofOneEstimate_isTheSameWhateverIsPredicted() {
    List<Weighting> weightings =
        List.of(Weighting.minSnr(5), Weighting.truncatedSnr(), Weighting.p2(1, 1));
    for (Weighting weighting : weightings) {
      for (int sample = 0; sample < 3; sample++) {
        double alphaBar = SCHEDULE.alphaBar(T[sample]);
        double[] losses = new double[Prediction.values().length];
        double[][] byX0 = new double[losses.length][8];
        for (Prediction prediction : Prediction.values()) {
          Loss.NoisyBatch batch = batch(prediction);
          float[] estimate = normal(7, 8).toFloatVector();
          float[] output = new float[8];
          double[] slopes = new double[8];
          for (int i = 0; i < 8; i++) {
            double xt = batch.xt().getDouble(sample, i / 4, i / 2 % 2, i % 2);
            output[i] = (float) output(prediction, xt, estimate[i], alphaBar);
            slopes[i] = output(prediction, xt, 1, alphaBar) - output(prediction, xt, 0, alphaBar);
          }
          float[] gradient = new float[8];
          int p = prediction.ordinal();
          losses[p] = Loss.meanSquaredError(weighting).of(batch).of(sample, output, gradient);
          for (int i = 0; i < 8; i++) {
            byX0[p][i] = gradient[i] * slopes[i];
          }
        }
        for (int p = 0; p < losses.length; p++) {
          assertThat(losses[p]).isCloseTo(losses[1], Percentage.withPercentage(1e-3));
          assertThat(byX0[p]).containsExactly(byX0[1], within(1e-5));
        }
      }
    }
  }

  @Test
  void loss_ofViewsOfBatches_isThatOfCopies() {
    INDArray x0 = normal(1, 2, 2, 2, 3).permute(3, 0, 1, 2);
    Loss.NoisyBatch views = NoisyBatches.of(x0, SCHEDULE, Prediction.VELOCITY, T);
    Loss.NoisyBatch copies = NoisyBatches.of(x0.dup('c'), SCHEDULE, Prediction.VELOCITY, T);
    float[] output = normal(7, 8).toFloatVector();
    for (int sample = 0; sample < 3; sample++) {
      assertThat(Loss.meanSquaredError().of(views).of(sample, output, new float[8]))
          .isEqualTo(Loss.meanSquaredError().of(copies).of(sample, output, new float[8]));
    }
  }

  @Test
  void loss_whereNoSignalIsLeft_isFinite() {
    NoiseSchedule schedule = SCHEDULE.withZeroTerminalSnr();
    for (Prediction prediction : Prediction.values()) {
      Loss.NoisyBatch batch = NoisyBatches.of(normal(1, 1, 8), schedule, prediction, 99);
      float[] output = normal(7, 8).toFloatVector();
      for (Weighting weighting : List.of(Weighting.minSnr(5), Weighting.p2(1, 1))) {
        float[] gradient = new float[8];
        assertThat(Loss.meanSquaredError(weighting).of(batch).of(0, output, gradient)).isFinite();
        for (float value : gradient) {
          assertThat(value).isFinite();
        }
      }
    }
  }

  @Test
  void loss_ofOutputsOfAnotherLength_refuses() {
    SampleLoss loss = Loss.meanSquaredError().of(batch(Prediction.EPSILON));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> loss.of(0, new float[16], new float[16]))
        .withMessage("outputs must have 8 values per sample but had 16");
  }

  @Test
  void check_ofAModelThatLearnsTheVariance_refuses() {
    Denoiser fixed = MixtureDenoiser.twoModes(SCHEDULE, Prediction.EPSILON);
    assertThatCode(() -> Loss.meanSquaredError().check(fixed)).doesNotThrowAnyException();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Loss.meanSquaredError().check(new WithVariance(fixed, t -> 0)))
        .withMessage(
            "a model that learns the variance must be trained with the hybrid loss but the loss was"
                + " meanSquaredError(simple)");
  }

  @Test
  void check_ofAWeightThatDoesNotExist_refuses() {
    NoiseSchedule schedule = SCHEDULE.withZeroTerminalSnr();
    Loss truncated = Loss.meanSquaredError(Weighting.truncatedSnr());
    assertThatCode(() -> truncated.check(MixtureDenoiser.twoModes(schedule, Prediction.VELOCITY)))
        .doesNotThrowAnyException();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> truncated.check(MixtureDenoiser.twoModes(schedule, Prediction.EPSILON)))
        .withMessage(
            "weights must be finite and at least 0 but truncatedSnr gives Infinity for EPSILON at"
                + " timestep 99, where the snr is 0.0");
    Loss negative = Loss.meanSquaredError((prediction, snr) -> -1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> negative.check(MixtureDenoiser.twoModes(schedule, Prediction.SAMPLE)))
        .withMessageContaining("gives -1.0 for SAMPLE at timestep 0");
  }

  @Test
  void weighted_byNothing_refuses() {
    assertThatNullPointerException()
        .isThrownBy(() -> Loss.meanSquaredError(null))
        .withMessage("weighting");
  }

  @Test
  void toString_ofEach_describesIt() {
    assertThat(Loss.meanSquaredError()).hasToString("meanSquaredError(simple)");
    assertThat(Loss.meanSquaredError(Weighting.minSnr(5)))
        .hasToString("meanSquaredError(minSnr(gamma=5.0))");
  }
}
