package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingException;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Denoisers and requests that do not keep to their contract. */
class BadDenoiserTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final Sampler SAMPLER = new DdimSampler(Timesteps.list(80, 40, 0), 0);

  @Test
  void denoiser_ofAnotherShapeIsRefused() {
    Denoiser model =
        denoiser((x, t, c) -> Nd4j.zeros(DataType.FLOAT, x.size(0), 3), Prediction.EPSILON);
    assertFails(
        model, "the denoiser must return the shape [5, 2] but returned [5, 3] at timestep 80");
  }

  @Test
  void denoiser_ofNoScheduleShapeOrPredictionIsRefused() {
    for (Denoiser model :
        List.of(
            FunctionDenoiser.of(null, (x, t, c) -> x, 2),
            new FunctionDenoiser(SCHEDULE, null, Prediction.EPSILON, (x, t, c) -> x),
            denoiser((x, t, c) -> x, null))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> sample(model))
          .withMessageStartingWith("the denoiser must have a schedule, a sample shape and a");
    }
  }

  @Test
  void null_isNamedWhereverItIsReturned() {
    Denoiser takesNull =
        new Denoiser() {
          @Override
          public NoiseSchedule schedule() {
            return SCHEDULE;
          }

          @Override
          public long[] sampleShape() {
            return new long[] {2};
          }

          @Override
          public Condition.Takes takes() {
            return null;
          }

          @Override
          public INDArray predict(INDArray xt, INDArray t, Condition condition) {
            return xt.dup();
          }
        };
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sample(takesNull))
        .withMessageContaining("but takes() returned null");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ClassifierFreeGuidance.of(takesNull, 3))
        .withMessageContaining("but takes() returned null");
    assertFails(
        denoiser((x, t, c) -> null, Prediction.EPSILON),
        "the denoiser must return an array but returned null at timestep 80");
    Denoiser fine = denoiser((x, t, c) -> x.dup(), Prediction.EPSILON);
    assertThatThrownBy(() -> sample(fine, () -> null))
        .isInstanceOf(SamplingException.class)
        .hasMessage("the noise source must return a run but returned null");
    assertThatThrownBy(() -> sample(fine, () -> (first, n) -> null))
        .isInstanceOf(SamplingException.class)
        .hasMessage("the noise source must return a batch but returned null");
    assertThatThrownBy(() -> sample(fine, () -> (first, n) -> shape -> null))
        .isInstanceOf(SamplingException.class)
        .hasMessageEndingWith("but returned null");
  }

  private static void sample(Denoiser model, NoiseSource noise) {
    SAMPLER.sample(model, SamplingRequest.builder(5).noise(noise).build()).close();
  }

  @Test
  void denoiser_ofTheShapeOfOneSampleIsRefused() {
    Denoiser model = denoiser((x, t, c) -> Nd4j.zeros(DataType.FLOAT, 2), Prediction.EPSILON);
    assertFails(model, "the denoiser must return the shape [5, 2] but returned [2] at timestep 80");
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"DOUBLE", "INT"})
  void denoiser_ofAnotherTypeIsRefused(DataType type) {
    Denoiser model = denoiser((x, t, c) -> x.castTo(type), Prediction.SAMPLE);
    assertFails(model, "the denoiser must return FLOAT but returned " + type + " at timestep 80");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void denoiser_thatIsNotFiniteIsRefusedWithTheSample(float bad) {
    Denoiser model =
        denoiser(
            (x, t, c) -> {
              INDArray output = x.dup();
              if (t.getDouble(0) == 40 && x.size(0) == 2) {
                output.putScalar(new int[] {1, 1}, bad);
              }
              return output;
            },
            Prediction.EPSILON);
    SamplingRequest request = SamplingRequest.builder(7).seed(0).batchSize(5).build();
    assertThatExceptionOfType(SamplingException.class)
        .isThrownBy(() -> SAMPLER.sample(model, request))
        .withMessage(
            "the denoiser must return finite values but did not for sample 6 at timestep 40");
  }

  @Test
  void denoiser_ofOppositeInfinitiesIsRefused() {
    Denoiser model =
        denoiser(
            (x, t, c) -> {
              INDArray output = x.dup();
              output.putScalar(new int[] {2, 0}, Float.POSITIVE_INFINITY);
              output.putScalar(new int[] {2, 1}, Float.NEGATIVE_INFINITY);
              return output;
            },
            Prediction.EPSILON);
    assertFails(
        model, "the denoiser must return finite values but did not for sample 2 at timestep 80");
  }

  @ParameterizedTest
  @EnumSource
  void denoiser_thatReturnsItsInputIsAsOneThatReturnsACopy(Prediction prediction) {
    assertThat(sample(denoiser((x, t, c) -> x, prediction)))
        .isEqualTo(sample(denoiser((x, t, c) -> x.dup(), prediction)));
  }

  @ParameterizedTest
  @EnumSource
  void denoiser_thatReturnsAViewOfItsInputIsAsOneThatReturnsACopy(Prediction prediction) {
    float[] expected = sample(denoiser((x, t, c) -> x.dup(), prediction));
    assertThat(sample(denoiser((x, t, c) -> x.reshape(x.shape()), prediction))).isEqualTo(expected);
    assertThat(sample(denoiser((x, t, c) -> x.reshape(10).reshape(5, 2), prediction)))
        .isEqualTo(expected);
    assertThat(sample(denoiser((x, t, c) -> x.get(NDArrayIndex.all()), prediction)))
        .isEqualTo(expected);
    assertThat(sample(denoiser((x, t, c) -> x.transpose().transpose(), prediction)))
        .isEqualTo(expected);
  }

  @ParameterizedTest
  @EnumSource
  void denoiser_thatReturnsAViewOfALargerArrayIsAsOneThatReturnsACopy(Prediction prediction) {
    float[] expected = sample(denoiser((x, t, c) -> x.dup(), prediction));
    Denoiser wide =
        denoiser(
            (x, t, c) ->
                Nd4j.concat(1, x, x.mul(2)).get(NDArrayIndex.all(), NDArrayIndex.interval(0, 2)),
            prediction);
    assertThat(sample(wide)).isEqualTo(expected);
    assertThat(sample(denoiser((x, t, c) -> x.dup('f'), prediction))).isEqualTo(expected);
  }

  @Test
  void denoiser_thatThrowsReachesTheCaller() {
    RuntimeException own = new IllegalStateException("own");
    Denoiser model =
        denoiser(
            (x, t, c) -> {
              throw own;
            },
            Prediction.EPSILON);
    assertThatThrownBy(() -> SAMPLER.sample(model, 2)).isSameAs(own);
  }

  @Test
  void start_ofAnotherShapeIsRefused() {
    Denoiser model = denoiser((x, t, c) -> x.dup(), Prediction.EPSILON);
    for (long[] shape : new long[][] {{5, 3}, {5}, {5, 2, 1}, {5, 1, 2}}) {
      SamplingRequest request =
          SamplingRequest.builder(5).seed(0).start(Nd4j.zeros(DataType.FLOAT, shape)).build();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> SAMPLER.sample(model, request))
          .withMessage(
              "start must be FLOAT [5, 2] but was FLOAT " + java.util.Arrays.toString(shape));
    }
  }

  @Test
  void start_ofAnotherTypeIsRefused() {
    Denoiser model = denoiser((x, t, c) -> x.dup(), Prediction.EPSILON);
    SamplingRequest request =
        SamplingRequest.builder(5).seed(0).start(Nd4j.zeros(DataType.DOUBLE, 5, 2)).build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SAMPLER.sample(model, request))
        .withMessage("start must be FLOAT [5, 2] but was DOUBLE [5, 2]");
  }

  @Test
  void condition_ofAnotherCountIsRefused() {
    SamplingRequest.Builder request =
        SamplingRequest.builder(5).seed(0).condition(Condition.labels(1, 2, 3));
    assertThatIllegalArgumentException()
        .isThrownBy(request::build)
        .withMessage("condition must have one label per sample, 5, but has 3");
  }

  @Test
  void steps_ofMoreThanTheScheduleAreRefusedBeforeTheModelIsAsked() {
    Denoiser model =
        denoiser(
            (x, t, c) -> {
              throw new AssertionError("asked");
            },
            Prediction.EPSILON);
    DdimSampler sampler = new DdimSampler(101);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sampler.sample(model, 1))
        .withMessage("steps must be at most the schedule's, 100, but were 101");
  }

  private static Denoiser denoiser(FunctionDenoiser.Function function, Prediction prediction) {
    return new FunctionDenoiser(SCHEDULE, new long[] {2}, prediction, function);
  }

  private static float[] sample(Denoiser model) {
    return SamplerMechanics.samples(SAMPLER, model, SamplingRequest.builder(5).seed(0).build());
  }

  private static void assertFails(Denoiser model, String message) {
    assertThatExceptionOfType(SamplingException.class)
        .isThrownBy(() -> SAMPLER.sample(model, 5))
        .withMessage(message);
  }
}
