package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.javacpp.Pointer;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What every sampler does whatever its method: batches, threads, listeners, memory. */
abstract class SamplerMechanics {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final int COUNT = 64;

  private final Denoiser model = MixtureDenoiser.inThePlane(SCHEDULE, Prediction.EPSILON);

  /** The sampler, for schedules of 100 steps or more. */
  abstract Sampler sampler();

  /** What the denoiser is asked about on a schedule of 100 steps, in order. */
  abstract int[] timesteps();

  /** The same, if it is asked between timesteps too. */
  double[] times() {
    return Arrays.stream(timesteps()).asDoubleStream().toArray();
  }

  /** A request that fits the sampler. */
  SamplingRequest.Builder request(Denoiser denoiser, int count) {
    return SamplingRequest.builder(count).seed(0);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -7_000_000_000L})
  void sample_ofAnyBatchSizeIsTheSame(long seed) {
    float[] whole = sample(request(model, COUNT).seed(seed).batchSize(COUNT));
    for (int size : seed == 0 ? new int[] {16, 7, 1} : new int[] {16, 7}) {
      assertThat(sample(request(model, COUNT).seed(seed).batchSize(size)))
          .as("batches of %s", size)
          .isEqualTo(whole);
    }
  }

  @Test
  void sample_ofFewerSamplesIsTheFirstOfMore() {
    float[] few = sample(request(model, 3));
    assertThat(few).hasSize(6);
    assertThat(sample(request(model, 9))).startsWith(few);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 8})
  void sample_inSeveralThreadsIsTheSameAsAlone(int threads) throws Exception {
    Sampler shared = sampler();
    List<float[]> alone = new ArrayList<>();
    for (int seed = 0; seed < threads; seed++) {
      alone.add(sample(request(model, 16).seed(seed).batchSize(5)));
    }
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      List<Future<float[]>> together = new ArrayList<>();
      for (int seed = 0; seed < threads; seed++) {
        SamplingRequest request = request(model, 16).seed(seed).batchSize(5).build();
        together.add(pool.submit(() -> samples(shared, model, request)));
      }
      for (int seed = 0; seed < threads; seed++) {
        assertThat(together.get(seed).get()).as("seed %s", seed).isEqualTo(alone.get(seed));
      }
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void start_isLeftUnchangedAndTakenInAnyLayout() {
    INDArray start = Values.normal(3, 10, 2);
    float[] before = Values.of(start);
    float[] result = sample(SamplingRequest.builder(10).seed(0).batchSize(4).start(start));
    assertThat(Values.of(start)).isEqualTo(before);
    assertThat(result).isNotEqualTo(before);
    assertThat(sample(SamplingRequest.builder(10).seed(0).start(start.dup('f')))).isEqualTo(result);
  }

  @Test
  void samples_haveTheModelsShapeAndTypeFloat() {
    for (long[] shape : new long[][] {{1}, {2}, {5}, {1, 1, 1}, {3, 4, 5}, {2, 1, 2, 1}}) {
      Denoiser any = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x.mul(0.5), shape);
      for (int count : new int[] {1, 3}) {
        try (SamplingResult result =
            sampler().sample(any, request(any, count).batchSize(2).build())) {
          long[] expected = new long[shape.length + 1];
          expected[0] = count;
          System.arraycopy(shape, 0, expected, 1, shape.length);
          assertThat(result.samples().shape()).isEqualTo(expected);
          assertThat(result.samples().dataType()).isEqualTo(DataType.FLOAT);
          assertThat(result.samples().ordering()).isEqualTo('c');
          assertThat(result.duration()).isPositive();
        }
      }
    }
  }

  @Test
  void denoiser_isGivenTheTimestepsAndItsShareOfTheCondition() {
    List<int[]> labels = new ArrayList<>();
    List<float[]> asked = new ArrayList<>();
    Denoiser recording =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              labels.add(c.labels());
              asked.add(Values.of(t));
              assertThat(t.dataType()).isEqualTo(DataType.FLOAT);
              assertThat(t.shape()).containsExactly(x.size(0));
              assertThat(x.dataType()).isEqualTo(DataType.FLOAT);
              return x.mul(0.5);
            },
            1);
    double[] steps = times();
    SamplingRequest request =
        request(recording, 3).batchSize(2).condition(Condition.labels(4, 5, 6)).build();
    SamplingResult result = sampler().sample(recording, request);
    assertThat(result.denoiserCalls()).isEqualTo(2 * steps.length);
    assertThat(asked).hasSize(2 * steps.length);
    for (int k = 0; k < steps.length; k++) {
      float t = (float) steps[k];
      assertThat(asked.get(k)).containsExactly(t, t);
      assertThat(labels.get(k)).containsExactly(4, 5);
      assertThat(asked.get(steps.length + k)).containsExactly(t);
      assertThat(labels.get(steps.length + k)).containsExactly(6);
    }
  }

  @Test
  void listener_isToldOfEveryStepOfEveryBatch() {
    List<SamplingListener.Step> told = new ArrayList<>();
    List<float[]> states = new ArrayList<>();
    List<float[]> clean = new ArrayList<>();
    SamplingRequest request =
        request(model, 5)
            .batchSize(2)
            .listener(
                step -> {
                  told.add(step);
                  states.add(Values.of(step.x()));
                  clean.add(Values.of(step.x0()));
                })
            .build();
    float[] result = samples(sampler(), model, request);
    double[] steps = times();
    assertThat(told).hasSize(3 * steps.length);
    for (int i = 0; i < told.size(); i++) {
      SamplingListener.Step step = told.get(i);
      int batch = i / steps.length;
      int length = 2 * (batch == 2 ? 1 : 2);
      assertThat(step.first()).isEqualTo(2 * batch);
      assertThat(step.index()).isEqualTo(i % steps.length);
      assertThat(step.steps()).isEqualTo(steps.length);
      assertThat(step.t()).isEqualTo(steps[step.index()]);
      assertThat(states.get(i)).hasSize(length);
      assertThat(clean.get(i)).hasSize(length);
      if (step.index() == steps.length - 1) {
        for (int k = 0; k < length; k++) {
          assertThat(states.get(i)[k]).isEqualTo(result[4 * batch + k]);
        }
      }
    }
  }

  @Test
  void listener_thatThrowsEndsTheRun() {
    int[] calls = {0};
    RuntimeException stop = new IllegalStateException("stop");
    SamplingRequest request =
        request(model, 4)
            .batchSize(2)
            .listener(
                step -> {
                  calls[0]++;
                  if (step.index() == 1) {
                    throw stop;
                  }
                })
            .build();
    assertThatThrownBy(() -> sampler().sample(model, request)).isSameAs(stop);
    assertThat(calls[0]).isEqualTo(2);
  }

  @Test
  void cancel_isAnsweredWithinOneCallOfTheDenoiser() {
    CancelToken token = new CancelToken();
    int[] calls = {0};
    Denoiser cancelling =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              if (++calls[0] == 3) {
                token.cancel();
              }
              return model.predict(x, t, c);
            },
            2);
    SamplingRequest request =
        request(cancelling, 4).batchSize(2).cancelToken(token).keepPartial().build();
    try (SamplingCancelledException cancelled =
        catchThrowableOfType(
            SamplingCancelledException.class, () -> sampler().sample(cancelling, request))) {
      assertThat(calls[0]).isEqualTo(3);
      assertThat(cancelled.finished()).isZero();
      assertThat(cancelled.current().orElseThrow().index()).isEqualTo(2);
    }
  }

  @Test
  void trajectory_endsInTheSamples() {
    SamplingRequest request = request(model, 5).batchSize(2).trajectory(1).build();
    try (SamplingResult result = sampler().sample(model, request)) {
      List<SamplingResult.Snapshot> steps = result.trajectory();
      assertThat(steps.stream().mapToDouble(SamplingResult.Snapshot::t).toArray())
          .containsExactly(times());
      assertThat(steps.get(steps.size() - 1).x()).isEqualTo(result.samples());
    }
  }

  @Test
  void sample_closesEveryArrayButTheSamples() {
    List<INDArray> seen = new ArrayList<>();
    NoiseSource noise =
        () -> {
          NoiseSource.Run run = NoiseSource.perSample(0).start();
          return (first, n) -> {
            NoiseSource.Batch batch = run.batch(first, n);
            return shape -> seen(seen, batch.next(shape));
          };
        };
    Denoiser recording =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              seen(seen, x);
              seen(seen, t);
              return seen(seen, model.predict(x, t, c));
            },
            2);
    SamplingRequest request =
        request(recording, 5)
            .batchSize(2)
            .noise(noise)
            .listener(
                step -> {
                  seen(seen, step.x());
                  seen(seen, step.x0());
                })
            .build();
    try (SamplingResult result = sampler().sample(recording, request)) {
      assertThat(seen)
          .hasSizeGreaterThanOrEqualTo(5 * result.denoiserCalls())
          .allMatch(INDArray::wasClosed);
      assertThat(result.samples().wasClosed()).isFalse();
    }
  }

  private static INDArray seen(List<INDArray> seen, INDArray array) {
    seen.add(array);
    return array;
  }

  /**
   * Arrays of 36 MB, more than 32, which the C library hands back to the system at once. One that
   * is not closed in each run would add 72 MB.
   */
  @Test
  void sample_severalTimesDoesNotFillTheMemory() {
    sampleOnes(2);
    long before = Pointer.physicalBytes();
    sampleOnes(9 << 20);
    sampleOnes(9 << 20);
    assertThat(Pointer.physicalBytes() - before).isLessThan(60L << 20);
  }

  private void sampleOnes(long size) {
    Denoiser cheap = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x.mul(0.5), size);
    NoiseSource ones = () -> (first, n) -> shape -> Nd4j.ones(DataType.FLOAT, shape);
    try (INDArray start = Nd4j.ones(DataType.FLOAT, 1, size)) {
      SamplingRequest request = SamplingRequest.builder(1).noise(ones).start(start).build();
      brief().sample(cheap, request).close();
    }
  }

  /** The same method in two steps. */
  abstract Sampler brief();

  private float[] sample(SamplingRequest.Builder request) {
    return samples(sampler(), model, request.build());
  }

  static float[] samples(Sampler sampler, Denoiser model, SamplingRequest request) {
    try (SamplingResult result = sampler.sample(model, request)) {
      return Values.of(result.samples());
    }
  }
}
