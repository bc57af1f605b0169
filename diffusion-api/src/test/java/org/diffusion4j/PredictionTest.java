package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

class PredictionTest {

  private static final double[] X0 = {-1, 0.25, 0.5, 1, 0, 0.125};
  private static final double[] EPSILON = {0.5, -2, 1.5, 0, 3, -0.25};

  private static INDArray batch(DataType type, double... values) {
    return Batches.column(values).reshape(2, 3).castTo(type);
  }

  private static INDArray xt(DataType type, double alphaBar) {
    double[] values = new double[X0.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.sqrt(alphaBar) * X0[i] + Math.sqrt(1 - alphaBar) * EPSILON[i];
    }
    return batch(type, values);
  }

  /** What a perfect denoiser answers. */
  private static INDArray output(Prediction prediction, DataType type, double alphaBar) {
    double[] velocity = new double[X0.length];
    for (int i = 0; i < velocity.length; i++) {
      velocity[i] = Math.sqrt(alphaBar) * EPSILON[i] - Math.sqrt(1 - alphaBar) * X0[i];
    }
    return switch (prediction) {
      case EPSILON -> batch(type, EPSILON);
      case SAMPLE -> batch(type, X0);
      case VELOCITY -> batch(type, velocity);
      case EDM -> batch(type, velocity).negi();
      case FLOW -> batch(type, EPSILON).subi(batch(type, X0));
      case SCORE -> batch(type, EPSILON).divi(-Math.sqrt(1 - alphaBar));
    };
  }

  @ParameterizedTest
  @CsvSource({
    "EPSILON, 1e-6", "EPSILON, 0.3", "EPSILON, 0.999999",
    "SAMPLE, 1e-6", "SAMPLE, 0.3", "SAMPLE, 0.999999",
    "VELOCITY, 1e-6", "VELOCITY, 0.3", "VELOCITY, 0.999999",
    "EDM, 1e-6", "EDM, 0.3", "EDM, 0.999999",
    "FLOW, 1e-6", "FLOW, 0.3", "FLOW, 0.999999",
    "SCORE, 1e-6", "SCORE, 0.3", "SCORE, 0.999999"
  })
  void exactOutput_givesTheSampleAndTheNoise(Prediction prediction, double alphaBar) {
    for (DataType type : new DataType[] {DataType.DOUBLE, DataType.FLOAT}) {
      double precision = type == DataType.DOUBLE ? 2e-15 : 2e-6;
      INDArray xt = xt(type, alphaBar);
      INDArray output = output(prediction, type, alphaBar);
      INDArray x0 = prediction.x0(xt, output, alphaBar);
      INDArray epsilon = prediction.epsilon(xt, output, alphaBar);
      assertThat(x0.dataType()).isEqualTo(type);
      assertThat(epsilon.shape()).containsExactly(2, 3);
      assertThat(Batches.values(x0)).containsExactly(X0, within(precision / Math.sqrt(alphaBar)));
      assertThat(Batches.values(epsilon))
          .containsExactly(EPSILON, within(precision / Math.sqrt(1 - alphaBar)));
      assertThat(xt).isEqualTo(xt(type, alphaBar)).isNotSameAs(x0).isNotSameAs(epsilon);
      assertThat(output).isEqualTo(output(prediction, type, alphaBar));
      assertThat(output).isNotSameAs(x0).isNotSameAs(epsilon);
    }
  }

  @Test
  void result_doesNotShareMemoryWithTheOutput() {
    INDArray xt = xt(DataType.FLOAT, 0.5);
    for (Prediction prediction : Prediction.values()) {
      INDArray output = output(prediction, DataType.FLOAT, 0.5);
      prediction.x0(xt, output, 0.5).assign(7);
      prediction.epsilon(xt, output, 0.5).assign(7);
      assertThat(output).isEqualTo(output(prediction, DataType.FLOAT, 0.5));
    }
    assertThat(xt).isEqualTo(xt(DataType.FLOAT, 0.5));
  }

  @Test
  void noSignal_isEnoughForVelocityAndSample() {
    INDArray noise = batch(DataType.DOUBLE, EPSILON);
    INDArray velocity = output(Prediction.VELOCITY, DataType.DOUBLE, 0);
    INDArray sample = batch(DataType.DOUBLE, X0);
    assertThat(Batches.values(Prediction.VELOCITY.x0(noise, velocity, 0)))
        .containsExactly(X0, within(0.0));
    assertThat(Batches.values(Prediction.VELOCITY.epsilon(noise, velocity, 0)))
        .containsExactly(EPSILON, within(0.0));
    assertThat(Prediction.SAMPLE.epsilon(noise, sample, 0)).isEqualTo(noise);
    assertThat(Prediction.SAMPLE.x0(noise, sample, 0)).isEqualTo(sample);
  }

  @Test
  void noNoise_isEnoughForVelocityAndEpsilon() {
    INDArray sample = batch(DataType.DOUBLE, X0);
    INDArray noise = batch(DataType.DOUBLE, EPSILON);
    assertThat(Prediction.VELOCITY.x0(sample, noise, 1)).isEqualTo(sample);
    assertThat(Prediction.VELOCITY.epsilon(sample, noise, 1)).isEqualTo(noise);
    assertThat(Prediction.EPSILON.x0(sample, noise, 1)).isEqualTo(sample);
  }

  @Test
  void alphaBar_withoutAnAnswerIsRefused() {
    INDArray x = batch(DataType.FLOAT, X0);
    assertRefused(() -> Prediction.EPSILON.x0(x, x, 0), "alphaBar", "(0, 1]", "was 0.0");
    assertRefused(() -> Prediction.SAMPLE.epsilon(x, x, 1), "alphaBar", "[0, 1)", "was 1.0");
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1.1, Double.NaN, Double.POSITIVE_INFINITY})
  void alphaBar_outOfRangeIsRefused(double alphaBar) {
    INDArray x = batch(DataType.FLOAT, X0);
    for (Prediction prediction : Prediction.values()) {
      assertRefused(() -> prediction.x0(x, x, alphaBar), "alphaBar", ", 1]", "was " + alphaBar);
      assertRefused(() -> prediction.epsilon(x, x, alphaBar), "alphaBar", ", 1", "was " + alphaBar);
    }
  }

  @ParameterizedTest
  @EnumSource
  void arrays_thatDoNotFitAreRefused(Prediction prediction) {
    INDArray x = batch(DataType.FLOAT, X0);
    INDArray row = Batches.normal(1, DataType.FLOAT, 1, 3);
    String shapes = "FLOAT [2, 3] and FLOAT [1, 3]";
    assertRefused(() -> prediction.x0(x, row, 0.5), "same shape", shapes);
    assertRefused(() -> prediction.epsilon(x, row, 0.5), "same shape", shapes);
    INDArray ints = x.castTo(DataType.INT32);
    String types = "FLOAT [2, 3] and INT [2, 3]";
    assertRefused(() -> prediction.x0(x, ints, 0.5), "floating-point", types);
    assertRefused(() -> prediction.epsilon(x, ints, 0.5), "floating-point", types);
  }

  private static void assertRefused(ThrowingCallable call, String... parts) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContainingAll(parts);
  }
}
