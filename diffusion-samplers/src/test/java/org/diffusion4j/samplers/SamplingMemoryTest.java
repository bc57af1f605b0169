package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.bytedeco.javacpp.Pointer;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingException;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Batches that fit a limit, how many arrays there are, and that a run that fails frees its own. */
class SamplingMemoryTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final Sampler SAMPLER = new DdimSampler(Timesteps.list(80, 60, 40, 20, 0), 1);
  private static final long LARGE = 9L << 20;
  private static final NoiseSource ONES =
      () -> (first, n) -> shape -> Nd4j.ones(DataType.FLOAT, shape);

  /** Samples of 8 bytes, of which a prediction takes a kilobyte each; it notes the batch sizes. */
  private record Kilobytes(List<Integer> batches) implements Denoiser {
    @Override
    public NoiseSchedule schedule() {
      return SCHEDULE;
    }

    @Override
    public long[] sampleShape() {
      return new long[] {2};
    }

    @Override
    public OptionalLong predictionBytes(int n) {
      return OptionalLong.of(1024L * n);
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      if (t.getDouble(0) == 80) {
        batches.add((int) xt.size(0));
      }
      return xt.mul(0.5);
    }
  }

  private static long bytes(int count, int batch) {
    int rest = count % batch;
    return 1024L * (batch + rest) + 8L * (count + BatchSize.ARRAYS * batch);
  }

  private static List<Integer> batches(SamplingRequest.Builder request) {
    List<Integer> batches = new ArrayList<>();
    SAMPLER.sample(new Kilobytes(batches), request.build()).close();
    return batches;
  }

  @ParameterizedTest
  @CsvSource({"1,1", "12,1", "12,2", "12,3", "12,4", "12,6", "12,12", "11,4"})
  void memoryLimit_makesBatchesThatFit(int count, int size) {
    List<Integer> batches =
        batches(SamplingRequest.builder(count).seed(0).memoryLimit(bytes(count, size)));
    int largest = batches.get(0);
    assertThat(largest).isGreaterThanOrEqualTo(size);
    assertThat(bytes(count, largest)).isLessThanOrEqualTo(bytes(count, size));
    assertThat(batches.stream().mapToInt(n -> n).sum()).isEqualTo(count);
  }

  @Test
  void memoryLimit_isUsedUp() {
    assertThat(batches(SamplingRequest.builder(12).seed(0).memoryLimit(bytes(12, 4))))
        .containsExactly(4, 4, 4);
    assertThat(batches(SamplingRequest.builder(12).seed(0).memoryLimit(bytes(12, 4) - 1)))
        .containsExactly(3, 3, 3, 3);
    assertThat(batches(SamplingRequest.builder(12).seed(0).memoryLimit(1 << 20)))
        .containsExactly(12);
    assertThat(batches(SamplingRequest.builder(12).seed(0).batchSize(5).memoryLimit(1 << 20)))
        .containsExactly(5, 5, 2);
  }

  @Test
  void memoryLimit_countsTrajectoryAndPartialResults() {
    long plain = bytes(12, 4);
    // Three steps are kept, x and x_0 of each; of 12 samples.
    assertThat(
            batches(
                SamplingRequest.builder(12).seed(0).trajectory(2).memoryLimit(plain + 6 * 12 * 8)))
        .containsExactly(4, 4, 4);
    assertThat(
            batches(
                SamplingRequest.builder(12)
                    .seed(0)
                    .trajectory(2)
                    .memoryLimit(plain + 6 * 12 * 8 - 1)))
        .containsExactly(3, 3, 3, 3);
    assertThat(
            batches(SamplingRequest.builder(12).seed(0).keepPartial().memoryLimit(plain + 12 * 8)))
        .containsExactly(4, 4, 4);
    assertThat(
            batches(
                SamplingRequest.builder(12).seed(0).keepPartial().memoryLimit(plain + 12 * 8 - 1)))
        .containsExactly(3, 3, 3, 3);
  }

  @Test
  void memoryLimit_ofLessThanOneSampleIsRefused() {
    SamplingRequest request =
        SamplingRequest.builder(3).seed(0).memoryLimit(bytes(3, 1) - 1).build();
    Denoiser model = new Kilobytes(new ArrayList<>());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SAMPLER.sample(model, request))
        .withMessage("memory limit must be at least 1176 bytes, for batches of 1, but was 1175");
  }

  @Test
  void memoryLimit_ofAModelThatCannotTellIsRefused() {
    SamplingRequest request = SamplingRequest.builder(3).seed(0).memoryLimit(1 << 20).build();
    Denoiser model = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x, 2);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SAMPLER.sample(model, request))
        .withMessage(
            "memory limit must not be set where the denoiser cannot tell what a prediction takes");
  }

  /** How a run may end before its time. */
  enum Failure {
    NOT_FINITE,
    OTHER_SHAPE,
    OTHER_TYPE,
    DENOISER_THROWS,
    LISTENER_THROWS,
    NOISE_THROWS,
    CANCELLED
  }

  /** Notes every array that it is shown. */
  private static final class Seen {
    final List<INDArray> arrays = new ArrayList<>();

    INDArray note(INDArray array) {
      arrays.add(array);
      return array;
    }
  }

  private static RuntimeException own() {
    return new IllegalStateException("own");
  }

  /** Fails in a call of the denoiser, of which each of three batches takes five. */
  private static Throwable fail(
      Failure failure, int call, Seen seen, long size, NoiseSource noise) {
    CancelToken token = new CancelToken();
    int[] calls = {0};
    Denoiser model =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              seen.note(x);
              seen.note(t);
              boolean now = ++calls[0] == call;
              if (now && failure == Failure.DENOISER_THROWS) {
                throw own();
              }
              if (now && failure == Failure.CANCELLED) {
                token.cancel();
              }
              if (now && failure == Failure.OTHER_SHAPE) {
                return seen.note(Nd4j.zeros(DataType.FLOAT, x.size(0), 3));
              }
              if (now && failure == Failure.OTHER_TYPE) {
                return seen.note(x.castTo(DataType.DOUBLE));
              }
              INDArray output = seen.note(x.mul(0.5));
              if (now && failure == Failure.NOT_FINITE) {
                output.putScalar(new long[] {output.size(0) - 1, 0}, Float.NaN);
              }
              return output;
            },
            size);
    NoiseSource failing =
        () -> {
          NoiseSource.Run run = noise.start();
          return (first, n) -> {
            NoiseSource.Batch batch = run.batch(first, n);
            return shape -> {
              if (calls[0] == call && failure == Failure.NOISE_THROWS) {
                throw own();
              }
              return seen.note(batch.next(shape));
            };
          };
        };
    SamplingListener listener =
        step -> {
          seen.note(step.x());
          seen.note(step.x0());
          if (calls[0] == call && failure == Failure.LISTENER_THROWS) {
            throw own();
          }
        };
    SamplingRequest request =
        SamplingRequest.builder(3)
            .batchSize(1)
            .noise(failing)
            .listener(listener)
            .cancelToken(token)
            .trajectory(3)
            .build();
    return catchThrowable(() -> SAMPLER.sample(model, request));
  }

  @ParameterizedTest
  @EnumSource
  void sample_thatFailsSaysWhyAndClosesEveryArrayThatWasSeen(Failure failure) {
    Seen seen = new Seen();
    Throwable thrown = fail(failure, 9, seen, 2, NoiseSource.perSample(0));
    switch (failure) {
      case NOT_FINITE ->
          assertThat(thrown)
              .isInstanceOf(SamplingException.class)
              .hasMessageContaining("finite")
              .hasMessageContaining("sample 1 at timestep 20");
      case OTHER_SHAPE ->
          assertThat(thrown)
              .isInstanceOf(SamplingException.class)
              .hasMessageContaining("shape [1, 2] but returned [1, 3] at timestep 20");
      case OTHER_TYPE ->
          assertThat(thrown)
              .isInstanceOf(SamplingException.class)
              .hasMessageContaining("FLOAT but returned DOUBLE at timestep 20");
      case CANCELLED -> assertThat(thrown).isInstanceOf(SamplingCancelledException.class);
      default -> assertThat(thrown).isInstanceOf(IllegalStateException.class).hasMessage("own");
    }
    assertThat(seen.arrays).hasSizeGreaterThan(40).allMatch(INDArray::wasClosed);
  }

  /**
   * Samples of 36 MB, whose memory the C library hands back to the system at once; the samples of
   * the request alone are 108 MB.
   */
  @Test
  void sample_thatFailsLeavesNoMemory() {
    fail(Failure.LISTENER_THROWS, 2, new Seen(), 2, ONES);
    long before = Pointer.physicalBytes();
    fail(Failure.NOT_FINITE, 2, new Seen(), LARGE, ONES);
    fail(Failure.LISTENER_THROWS, 3, new Seen(), LARGE, ONES);
    fail(Failure.CANCELLED, 1, new Seen(), LARGE, ONES);
    assertThat(Pointer.physicalBytes() - before).isLessThan(30L << 20);
  }

  /** Counts arrays by the memory of the process where the denoiser or the listener is asked. */
  @Test
  void sample_hasAConstantNumberOfArraysHoweverManySteps() {
    mostArrays(2, 2);
    long few = mostArrays(2, LARGE);
    assertThat(mostArrays(5, LARGE)).isEqualTo(few);
    // The result is one of them.
    assertThat(few).isBetween(5L, 1L + BatchSize.ARRAYS);
  }

  private static long mostArrays(int steps, long size) {
    long before = Pointer.physicalBytes();
    long[] peak = {0};
    Runnable look = () -> peak[0] = Math.max(peak[0], Pointer.physicalBytes() - before);
    Denoiser model =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              INDArray output = x.mul(0.5);
              look.run();
              return output;
            },
            size);
    SamplingRequest request =
        SamplingRequest.builder(1).noise(ONES).keepPartial().listener(step -> look.run()).build();
    new DdimSampler(steps, 1).sample(model, request).close();
    return Math.round(peak[0] / (4.0 * size));
  }
}
