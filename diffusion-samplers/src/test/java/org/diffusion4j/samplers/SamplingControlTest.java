package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ending a run early, following it, and seeds of samples. */
class SamplingControlTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final MixtureDenoiser MODEL =
      MixtureDenoiser.inThePlane(SCHEDULE, Prediction.EPSILON);
  private static final int STEPS = 5;
  private static final Sampler SAMPLER = new DdimSampler(STEPS, 1);

  /** Counts the calls of the model, and does something in one of them. */
  private static final class Counting {
    final int when;
    final Runnable what;
    int calls;

    Counting(int when, Runnable what) {
      this.when = when;
      this.what = what;
    }

    Denoiser denoiser() {
      return FunctionDenoiser.of(
          SCHEDULE,
          (x, t, c) -> {
            if (++calls == when) {
              what.run();
            }
            return MODEL.predict(x, t, c);
          },
          2);
    }
  }

  @AfterEach
  void clearInterrupt() {
    Thread.interrupted();
  }

  private static SamplingCancelledException cancelled(Denoiser model, SamplingRequest request) {
    return catchThrowableOfType(
        SamplingCancelledException.class, () -> SAMPLER.sample(model, request));
  }

  private static float[] all(int count) {
    return SamplerMechanics.samples(SAMPLER, MODEL, SamplingRequest.builder(count).seed(0).build());
  }

  @Test
  void seed_ofARequestWithoutOne_givesItsSamplesAgain() {
    SamplingRequest request = SamplingRequest.of(3);
    try (SamplingResult first = SAMPLER.sample(MODEL, request);
        SamplingResult second = SAMPLER.sample(MODEL, request);
        SamplingResult again =
            SAMPLER.sample(
                MODEL, SamplingRequest.builder(3).seed(first.seed().getAsLong()).build());
        SamplingResult other = SAMPLER.sample(MODEL, SamplingRequest.of(3))) {
      assertThat(second.samples()).isEqualTo(first.samples());
      assertThat(again.samples()).isEqualTo(first.samples());
      assertThat(other.samples()).isNotEqualTo(first.samples());
      assertThat(other.seed()).isPresent().isNotEqualTo(first.seed());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 5, 8, 14})
  void cancel_duringACallOfTheModelMakesItTheLast(int when) {
    CancelToken token = new CancelToken();
    Counting counting = new Counting(when, token::cancel);
    SamplingRequest request =
        SamplingRequest.builder(6).seed(0).batchSize(2).cancelToken(token).build();
    SamplingCancelledException stopped = cancelled(counting.denoiser(), request);
    assertThat(counting.calls).isEqualTo(when);
    int finished = when / STEPS * 2;
    assertThat(stopped).hasMessage("sampling was cancelled after " + finished + " of 6 samples");
    assertThat(stopped.finished()).isEqualTo(finished);
    assertThat(stopped.samples()).isEmpty();
    assertThat(stopped.current()).isEmpty();
  }

  @Test
  void cancel_duringTheLastCallLetsTheRunEnd() {
    CancelToken token = new CancelToken();
    Counting counting = new Counting(15, token::cancel);
    SamplingRequest request =
        SamplingRequest.builder(6).seed(0).batchSize(2).cancelToken(token).build();
    assertThat(SamplerMechanics.samples(SAMPLER, counting.denoiser(), request)).isEqualTo(all(6));
  }

  @Test
  void cancel_beforeTheRunAsksNothing() {
    CancelToken token = new CancelToken();
    token.cancel();
    Counting counting = new Counting(0, () -> {});
    SamplingRequest request =
        SamplingRequest.builder(1).seed(0).cancelToken(token).keepPartial().build();
    SamplingCancelledException stopped = cancelled(counting.denoiser(), request);
    assertThat(counting.calls).isZero();
    assertThat(stopped.samples()).isEmpty();
    assertThat(stopped.current()).isEmpty();
  }

  @Test
  void cancel_fromAnotherThreadEndsTheRun() throws Exception {
    CancelToken token = new CancelToken();
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    Counting counting =
        new Counting(
            3,
            () -> {
              running.countDown();
              awaitQuietly(goOn);
            });
    SamplingRequest request = SamplingRequest.builder(1).seed(0).cancelToken(token).build();
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      Future<SamplingCancelledException> run =
          thread.submit(() -> cancelled(counting.denoiser(), request));
      running.await();
      token.cancel();
      goOn.countDown();
      assertThat(run.get()).hasMessage("sampling was cancelled after 0 of 1 samples");
      assertThat(counting.calls).isEqualTo(3);
    } finally {
      thread.shutdownNow();
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7})
  void interrupt_endsTheRunAndStaysSet(int when) {
    Counting counting = new Counting(when, () -> Thread.currentThread().interrupt());
    SamplingRequest request = SamplingRequest.builder(6).seed(0).batchSize(2).build();
    SamplingCancelledException stopped = cancelled(counting.denoiser(), request);
    assertThat(Thread.currentThread().isInterrupted()).isTrue();
    assertThat(counting.calls).isEqualTo(when);
    assertThat(stopped)
        .hasMessage("sampling was interrupted after " + when / STEPS * 2 + " of 6 samples");
  }

  @Test
  void keepPartial_givesTheFinishedSamplesAndTheBatchAtWork() {
    CancelToken token = new CancelToken();
    List<float[]> states = new ArrayList<>();
    List<float[]> clean = new ArrayList<>();
    SamplingRequest request =
        SamplingRequest.builder(6)
            .seed(0)
            .batchSize(2)
            .cancelToken(token)
            .keepPartial()
            .listener(
                step -> {
                  states.add(Values.of(step.x()));
                  clean.add(Values.of(step.x0()));
                  if (step.first() == 2 && step.index() == 3) {
                    token.cancel();
                  }
                })
            .build();
    try (SamplingCancelledException stopped = cancelled(MODEL, request)) {
      assertThat(stopped.finished()).isEqualTo(2);
      assertThat(Values.of(stopped.samples().orElseThrow())).isEqualTo(Arrays.copyOf(all(6), 4));
      SamplingResult.Snapshot current = stopped.current().orElseThrow();
      assertThat(current.index()).isEqualTo(3);
      assertThat(current.t()).isEqualTo(39);
      assertThat(states).hasSize(9);
      assertThat(Values.of(current.x())).isEqualTo(states.get(8));
      assertThat(Values.of(current.x0())).isEqualTo(clean.get(8));
      stopped.close();
      assertThat(stopped.samples().orElseThrow().wasClosed()).isTrue();
      assertThat(current.x().wasClosed()).isTrue();
      assertThat(current.x0().wasClosed()).isTrue();
    }
  }

  @Test
  void keepPartial_betweenTwoBatchesHasNoBatchAtWork() {
    CancelToken token = new CancelToken();
    SamplingRequest request =
        SamplingRequest.builder(6)
            .seed(0)
            .batchSize(2)
            .cancelToken(token)
            .keepPartial()
            .listener(
                step -> {
                  if (step.first() == 2 && step.index() == STEPS - 1) {
                    token.cancel();
                  }
                })
            .build();
    try (SamplingCancelledException stopped = cancelled(MODEL, request)) {
      assertThat(stopped.finished()).isEqualTo(4);
      assertThat(stopped.samples()).isPresent();
      assertThat(stopped.current()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 100})
  void trajectory_holdsEveryKthStepAndTheLastOfAllSamples(int every) {
    float[][] states = new float[STEPS][10];
    float[][] clean = new float[STEPS][10];
    SamplingRequest request =
        SamplingRequest.builder(5)
            .seed(0)
            .batchSize(2)
            .trajectory(every)
            .listener(
                step -> {
                  float[] x = Values.of(step.x());
                  System.arraycopy(x, 0, states[step.index()], 2 * step.first(), x.length);
                  float[] x0 = Values.of(step.x0());
                  System.arraycopy(x0, 0, clean[step.index()], 2 * step.first(), x0.length);
                })
            .build();
    SamplingResult result = SAMPLER.sample(MODEL, request);
    List<SamplingResult.Snapshot> trajectory = result.trajectory();
    int[] expected =
        switch (every) {
          case 1 -> new int[] {0, 1, 2, 3, 4};
          case 2 -> new int[] {1, 3, 4};
          case 3 -> new int[] {2, 4};
          default -> new int[] {4};
        };
    int[] timesteps = {99, 79, 59, 39, 19};
    assertThat(trajectory.stream().mapToInt(SamplingResult.Snapshot::index))
        .containsExactly(box(expected));
    for (SamplingResult.Snapshot step : trajectory) {
      assertThat(step.t()).isEqualTo(timesteps[step.index()]);
      assertThat(step.x().shape()).containsExactly(5, 2);
      assertThat(Values.of(step.x())).isEqualTo(states[step.index()]);
      assertThat(Values.of(step.x0())).isEqualTo(clean[step.index()]);
    }
    assertThat(Values.of(result.samples()))
        .isEqualTo(Values.of(trajectory.get(trajectory.size() - 1).x()))
        .isEqualTo(all(5));
    result.close();
    assertThat(result.samples().wasClosed()).isTrue();
    assertThat(trajectory).allMatch(step -> step.x().wasClosed() && step.x0().wasClosed());
  }

  private static Integer[] box(int[] values) {
    return Arrays.stream(values).boxed().toArray(Integer[]::new);
  }

  @Test
  void trajectory_isEmptyIfNotAskedFor() {
    try (SamplingResult result =
        SAMPLER.sample(MODEL, SamplingRequest.builder(2).seed(0).build())) {
      assertThat(result.trajectory()).isEmpty();
    }
  }

  @Test
  void listener_isToldTheTimeAndHowMuchIsDoneOverAllBatches() {
    List<SamplingListener.Step> told = new ArrayList<>();
    SamplingRequest request =
        SamplingRequest.builder(5).seed(0).batchSize(2).listener(told::add).build();
    SamplingResult result = SAMPLER.sample(MODEL, request);
    int[] done = {2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 21, 22, 23, 24, 25};
    assertThat(told).hasSize(15);
    for (int i = 0; i < 15; i++) {
      SamplingListener.Step step = told.get(i);
      assertThat(step.count()).isEqualTo(5);
      assertThat(step.progress()).isEqualTo(done[i] / 25.0);
      assertThat(step.elapsed())
          .isPositive()
          .isGreaterThanOrEqualTo(told.get(Math.max(0, i - 1)).elapsed())
          .isLessThanOrEqualTo(result.duration());
      long nanos = step.elapsed().toNanos();
      assertThat(step.remaining().toNanos())
          .isBetween(nanos * (25 - done[i]) / done[i] - 2, nanos * (25 - done[i]) / done[i] + 2);
    }
    result.close();
  }

  @Test
  void seeds_makeEachSampleThatOfARequestForOne() {
    long[] seeds = {12, -5, 12, 7};
    SamplingRequest request = SamplingRequest.builder(4).batchSize(3).seeds(seeds).build();
    float[] together = SamplerMechanics.samples(SAMPLER, MODEL, request);
    for (int i = 0; i < 4; i++) {
      assertThat(Arrays.copyOfRange(together, 2 * i, 2 * i + 2))
          .isEqualTo(
              SamplerMechanics.samples(
                  SAMPLER, MODEL, SamplingRequest.builder(1).seed(seeds[i]).build()));
    }
  }
}
