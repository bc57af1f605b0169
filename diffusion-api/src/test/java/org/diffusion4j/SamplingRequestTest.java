package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.util.stream.LongStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SamplingRequestTest {

  @Test
  void of_hasTheDefaults() {
    SamplingRequest request = SamplingRequest.of(5);
    assertThat(request.count()).isEqualTo(5);
    assertThat(request.batchSize()).isEqualTo(64);
    assertThat(request.condition()).isEqualTo(Condition.none());
    assertThat(request.start()).isNull();
    assertThat(request.listener()).isSameAs(SamplingListener.NONE);
    assertThat(request.hook()).isSameAs(SamplingRequest.Hook.NONE);
    assertThat(request.firstSample()).isZero();
    assertThat(request.cancelToken().isCancelled()).isFalse();
    assertThat(request.keepsPartial()).isFalse();
    assertThat(request.trajectoryEvery()).isZero();
    assertThat(request.memoryLimit()).isEmpty();
    assertThat(firstNoise(request))
        .isEqualTo(firstNoise(NoiseSource.perSample(request.seed().getAsLong())));
  }

  @Test
  void build_withoutASeed_drawsAnotherEachTime() {
    SamplingRequest.Builder builder = SamplingRequest.builder(2);

    assertThat(builder.build().seed()).isPresent().isNotEqualTo(builder.build().seed());
    assertThat(LongStream.range(0, 100).map(i -> SamplingRequest.of(1).seed().getAsLong()))
        .doesNotHaveDuplicates()
        .allMatch(seed -> seed >= 0 && seed < 1L << 53);
  }

  @Test
  void seed_isTheLastThatWasSet_orEmptyForOtherNoise() {
    NoiseSource noise = NoiseSource.perSample(3);

    assertThat(SamplingRequest.builder(1).noise(noise).seed(-4).build().seed()).hasValue(-4);
    assertThat(SamplingRequest.builder(1).seeds(1).seed(0).build().seed()).hasValue(0);
    assertThat(SamplingRequest.builder(1).seed(4).noise(noise).build().seed()).isEmpty();
    assertThat(SamplingRequest.builder(1).seed(4).seeds(5).build().seed()).isEmpty();
  }

  @Test
  void toString_givesShapesAlone() {
    INDArray start = Nd4j.create(DataType.FLOAT, 2, 3);
    SamplingRequest request =
        SamplingRequest.builder(2).seed(9).condition(Condition.labels(1, 0)).start(start).build();

    assertThat(request)
        .hasToString(
            "SamplingRequest[count=2, seed=9, batchSize=64, condition=Condition[labels=[1, 0]],"
                + " start=FLOAT [2, 3]]");
    start.close();
    assertThat(request.toString()).endsWith("start=closed array]");
  }

  @Test
  void builder_setsEverything() {
    INDArray start = Batches.normal(1, DataType.FLOAT, 2, 3);
    SamplingListener listener = step -> {};
    SamplingRequest.Hook hook = step -> {};
    CancelToken token = new CancelToken();
    SamplingRequest request =
        SamplingRequest.builder(2)
            .batchSize(1)
            .seed(9)
            .condition(Condition.labels(1, 2))
            .start(start)
            .listener(listener)
            .afterStep(hook)
            .firstSample(7)
            .cancelToken(token)
            .keepPartial()
            .trajectory(3)
            .memoryLimit(1000)
            .build();
    assertThat(request.count()).isEqualTo(2);
    assertThat(request.batchSize()).isEqualTo(1);
    assertThat(request.condition()).isEqualTo(Condition.labels(1, 2));
    assertThat(request.start()).isSameAs(start);
    assertThat(request.listener()).isSameAs(listener);
    assertThat(request.hook()).isSameAs(hook);
    assertThat(request.firstSample()).isEqualTo(7);
    assertThat(request.cancelToken()).isSameAs(token);
    assertThat(request.keepsPartial()).isTrue();
    assertThat(request.trajectoryEvery()).isEqualTo(3);
    assertThat(request.memoryLimit()).hasValue(1000);
    assertThat(firstNoise(request)).isEqualTo(firstNoise(NoiseSource.perSample(9)));
  }

  @Test
  void seedAndNoise_lastOneCounts() {
    NoiseSource ones = () -> (first, n) -> shape -> Nd4j.ones(DataType.FLOAT, shape);
    assertThat(SamplingRequest.builder(1).seed(3).noise(ones).build().noise()).isSameAs(ones);
    assertThat(SamplingRequest.builder(1).noise(ones).seed(3).build().noise()).isNotSameAs(ones);
  }

  @Test
  void seeds_areOnePerSample() {
    SamplingRequest request = SamplingRequest.builder(2).seeds(8, 9).build();
    assertThat(firstNoise(request)).isEqualTo(firstNoise(NoiseSource.seeds(8, 9)));
    SamplingRequest.Builder three = SamplingRequest.builder(3).seeds(8, 9);
    assertRefused(three::build, "seeds must be one per sample, 3, but were 2");
    assertThat(firstNoise(three.seed(4).build())).isEqualTo(firstNoise(NoiseSource.perSample(4)));
  }

  @Test
  void seeds_areThoseOfThisPartsSamples() {
    SamplingRequest part = SamplingRequest.builder(2).firstSample(5).seeds(8, 9).build();
    assertThat(part.noise().start().batch(5, 2).next(2, 3))
        .isEqualTo(firstNoise(NoiseSource.seeds(8, 9)));
  }

  @Test
  void firstSample_outOfRangeIsRefused() {
    SamplingRequest.Builder two = SamplingRequest.builder(2);
    assertRefused(() -> two.firstSample(-1), "first sample must be at least 0 but was -1");
    assertThat(two.firstSample(Integer.MAX_VALUE - 2).build().firstSample())
        .isEqualTo(Integer.MAX_VALUE - 2);
    two.firstSample(Integer.MAX_VALUE - 1);
    assertRefused(
        two::build, "first sample must be at most 2147483645 for 2 samples but was 2147483646");
  }

  @Test
  void request_keepsItsValuesWhenTheBuilderChanges() {
    SamplingRequest.Builder builder = SamplingRequest.builder(1).batchSize(2);
    SamplingRequest request = builder.build();
    builder.batchSize(7);
    assertThat(request.batchSize()).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE})
  void counts_belowOneAreRefused(int n) {
    assertRefused(() -> SamplingRequest.of(n), "count", "at least 1", "was " + n);
    assertRefused(() -> SamplingRequest.builder(n), "count", "at least 1", "was " + n);
    assertRefused(
        () -> SamplingRequest.builder(1).batchSize(n), "batch size", "at least 1", "was " + n);
    assertRefused(
        () -> SamplingRequest.builder(1).trajectory(n), "trajectory", "at least 1", "was " + n);
    assertRefused(
        () -> SamplingRequest.builder(1).memoryLimit(n), "memory limit", "1 byte", "was " + n);
  }

  @Test
  void condition_ofAnotherCountIsRefused() {
    SamplingRequest.Builder builder = SamplingRequest.builder(4).condition(Condition.label(1, 3));
    assertRefused(builder::build, "one label per sample, 4", "has 3");
  }

  @Test
  void start_ofAnotherCountIsRefused() {
    SamplingRequest.Builder builder = SamplingRequest.builder(4);
    INDArray three = Batches.normal(1, DataType.FLOAT, 3, 4);
    assertRefused(() -> builder.start(three).build(), "one array per sample, 4", "[3, 4]");
    INDArray scalar = Nd4j.scalar(1f);
    assertRefused(() -> builder.start(scalar).build(), "one array per sample, 4", "shape []");
  }

  @Test
  void settings_mustBeThere() {
    SamplingRequest.Builder builder = SamplingRequest.builder(1);
    assertThatNullPointerException().isThrownBy(() -> builder.noise(null)).withMessage("noise");
    assertThatNullPointerException()
        .isThrownBy(() -> builder.condition(null))
        .withMessage("condition");
    assertThatNullPointerException().isThrownBy(() -> builder.start(null)).withMessage("start");
    assertThatNullPointerException()
        .isThrownBy(() -> builder.listener(null))
        .withMessage("listener");
    assertThatNullPointerException().isThrownBy(() -> builder.afterStep(null)).withMessage("hook");
    assertThatNullPointerException()
        .isThrownBy(() -> builder.cancelToken(null))
        .withMessage("cancel token");
  }

  private static INDArray firstNoise(SamplingRequest request) {
    return firstNoise(request.noise());
  }

  private static INDArray firstNoise(NoiseSource source) {
    return source.start().batch(0, 2).next(2, 3);
  }

  private static void assertRefused(ThrowingCallable call, String... parts) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContainingAll(parts);
  }
}
