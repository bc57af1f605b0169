package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingException;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What callers, their denoisers and their own ND4J settings do to a run. */
class CallersFaultTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final DdimSampler SAMPLER = new DdimSampler(Timesteps.list(80, 40, 0), 0.5);

  @AfterEach
  void restore() {
    Nd4j.setDefaultDataTypes(DataType.FLOAT, DataType.FLOAT);
    Nd4j.getWorkspaceManager().destroyAllWorkspacesForCurrentThread();
  }

  @Test
  @SuppressWarnings("NullAway")
  void denoiser_thatReturnsNullIsNamed() {
    assertFails(
        (x, t, c) -> null, "the denoiser must return an array but returned null at timestep 80");
  }

  @Test
  void denoiser_thatReturnsAClosedArrayIsNamed() {
    assertFails(
        (x, t, c) -> {
          INDArray output = x.dup();
          output.close();
          return output;
        },
        "the denoiser must return an open array but a closed one at timestep 80");
  }

  @Test
  void denoiser_thatChangesItsInputIsNamed() {
    assertFails(
        (x, t, c) -> x.muli(0.5),
        "the denoiser must leave its input as it is but changed it at timestep 80");
  }

  @Test
  void denoiser_thatClosesItsInputIsNamed() {
    assertFails(
        (x, t, c) -> {
          INDArray output = x.dup();
          x.close();
          return output;
        },
        "the denoiser must leave its input as it is but closed it at timestep 80");
  }

  @Test
  void denoiser_thatKeepsItsOutputWorksAsOneThatDoesNot() {
    float[] expected = samples((x, t, c) -> x.mul(0.5));
    INDArray kept = Nd4j.zeros(DataType.FLOAT, 5, 2);
    assertThat(samples((x, t, c) -> kept.assign(x.mul(0.5)))).isEqualTo(expected);
    assertThat(kept.wasClosed()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void start_thatIsNotFiniteIsNamedBeforeTheFirstCall(float bad) {
    INDArray start = Nd4j.zeros(DataType.FLOAT, 5, 2);
    start.putScalar(3, 1, bad);
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                SAMPLER.sample(
                    FunctionDenoiser.of(
                        SCHEDULE,
                        (x, t, c) -> {
                          throw new IllegalStateException("asked");
                        },
                        2),
                    SamplingRequest.builder(5).seed(0).start(start).build()))
        .withMessage("start must be finite but was not for sample 3");
  }

  @Test
  void values_whoseSumOverflowsAreFinite() {
    assertThat(Finite.firstBad(Nd4j.valueArrayOf(new long[] {2, 4}, 3e38, DataType.FLOAT)))
        .isEqualTo(-1);
  }

  @Test
  void noise_ofAnotherShapeIsNamed() {
    NoiseSource wrong = () -> (first, n) -> shape -> Nd4j.zeros(DataType.FLOAT, 1);
    assertThatExceptionOfType(SamplingException.class)
        .isThrownBy(
            () ->
                SAMPLER.sample(
                    model((x, t, c) -> x.mul(0.5)),
                    SamplingRequest.builder(5).noise(wrong).build()))
        .withMessage(
            "the noise source must return a new array FLOAT [5, 2] but returned FLOAT [1]");
  }

  @ParameterizedTest
  @ValueSource(ints = {2_000_000_000, Integer.MAX_VALUE})
  void samples_thatNoMemoryHoldsAreRefusedBeforeTheFirstCall(int count) {
    Denoiser large =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              throw new IllegalStateException("asked");
            },
            3,
            512,
            512);
    assertThatIllegalStateException()
        .isThrownBy(() -> SAMPLER.sample(large, count))
        .withMessageMatching(
            "memory for "
                + count
                + " samples must be at least \\d+ MB but \\d+ MB are available; .* would fit");
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                SAMPLER.sample(
                    large,
                    SamplingRequest.builder(count).seed(0).trajectory(1).keepPartial().build()))
        .withMessageStartingWith("memory for " + count + " samples and their trajectory must be");
  }

  @Test
  void samples_outliveTheCallersWorkspaceAndHaveTheirType() {
    Denoiser guided =
        ClassifierFreeGuidance.builder(
                FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x.mul(c.isNone() ? 0.2 : 0.5), 2), 3)
            .twoCalls()
            .build();
    SamplingRequest request =
        SamplingRequest.builder(5).seed(0).batchSize(2).condition(Condition.label(0, 5)).build();
    float[] expected = Values.of(SAMPLER.sample(guided, request).samples());
    Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
    INDArray samples;
    try (MemoryWorkspace own = Nd4j.getWorkspaceManager().getAndActivateWorkspace("OWN")) {
      samples = SAMPLER.sample(guided, request).samples();
      assertThat(samples.isAttached()).isFalse();
      assertThat(Nd4j.getMemoryManager().getCurrentWorkspace()).isSameAs(own);
    }
    assertThat(samples.dataType()).isEqualTo(DataType.FLOAT);
    assertThat(samples.closeable()).isTrue();
    assertThat(Values.of(samples)).isEqualTo(expected);
  }

  /** A model that says what conditions it takes. */
  private record Conditional(Condition.Takes takes) implements Denoiser {
    @Override
    public NoiseSchedule schedule() {
      return SCHEDULE;
    }

    @Override
    public long[] sampleShape() {
      return new long[] {2};
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      return xt.dup();
    }
  }

  @Test
  void guidance_ofAModelThatCannotBeGuidedIsRefusedWhenItIsMade() {
    Denoiser unconditional = new Conditional(Condition.Takes.nothing());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ClassifierFreeGuidance.of(unconditional, 3))
        .withMessage("guidance must be of a model with classes but this one takes no labels");
    Denoiser withoutNullClass = new Conditional(Condition.Takes.labels(3, false));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ClassifierFreeGuidance.of(withoutNullClass, 3))
        .withMessageStartingWith("guidance must be of a model with a null class");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ClassifierFreeGuidance.builder(withoutNullClass, 3).negative(3).build())
        .withMessage("negative label must be in [0, 2] but was 3");
    ClassifierFreeGuidance.builder(withoutNullClass, 3).negative(2).build();
    ClassifierFreeGuidance.of(new Conditional(Condition.Takes.labels(3, true)), 3);
    ClassifierFreeGuidance.of(withoutNullClass, 1);
  }

  private static Denoiser model(FunctionDenoiser.Function function) {
    return FunctionDenoiser.of(SCHEDULE, Prediction.EPSILON, function, 2);
  }

  private static float[] samples(FunctionDenoiser.Function function) {
    return SamplerMechanics.samples(
        SAMPLER, model(function), SamplingRequest.builder(5).seed(0).build());
  }

  private static void assertFails(FunctionDenoiser.Function function, String message) {
    assertThatExceptionOfType(SamplingException.class)
        .isThrownBy(() -> SAMPLER.sample(model(function), 5))
        .withMessage(message);
  }
}
