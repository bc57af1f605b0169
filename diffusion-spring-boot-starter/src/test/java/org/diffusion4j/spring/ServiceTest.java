package org.diffusion4j.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.spring.SamplingRefusedException.Reason;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ConfigurableApplicationContext;

/** Many callers, and shutdowns while they are at work. */
@Timeout(60)
class ServiceTest {

  private static final String MODEL = "diffusion.models.digits.";

  @TempDir static Path directory;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final CountDownLatch release = new CountDownLatch(1);

  /** Holds every run after its first step until it is released. */
  private final SamplingListener holds =
      step -> {
        try {
          release.await();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      };

  @BeforeAll
  static void save() throws IOException {
    Models.save(directory.resolve("digits"), 0);
  }

  @AfterEach
  void stop() {
    release.countDown();
    threads.shutdownNow();
  }

  private static ApplicationContextRunner application(String... properties) {
    return Models.application(directory.resolve("digits"), properties);
  }

  private Callable<String> caller(DiffusionModel model, SamplingListener listener) {
    return () -> {
      try (SamplingResult result = model.sample(model.request(1).listener(listener).build())) {
        return "completed";
      } catch (SamplingRefusedException e) {
        return e.reason().name();
      } catch (SamplingCancelledException e) {
        return "cancelled";
      }
    };
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    while (!condition.getAsBoolean()) {
      Thread.sleep(2);
    }
  }

  private static List<String> results(List<Future<String>> futures)
      throws ExecutionException, InterruptedException {
    List<String> results = new ArrayList<>();
    for (Future<String> future : futures) {
      results.add(future.get());
    }
    return results;
  }

  @Test
  void callers_twentyAtOnce_runWaitOrAreRefused() {
    application(MODEL + "concurrency=2", MODEL + "queue-limit=3")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              CyclicBarrier together = new CyclicBarrier(20);
              List<Future<String>> callers = new ArrayList<>();
              for (int i = 0; i < 20; i++) {
                callers.add(
                    threads.submit(
                        () -> {
                          together.await();
                          return caller(model, holds).call();
                        }));
              }
              await(() -> callers.stream().filter(Future::isDone).count() == 15);
              assertThat(model.running()).isEqualTo(2);
              assertThat(model.waiting()).isEqualTo(3);
              release.countDown();

              List<String> results = results(callers);
              assertThat(Collections.frequency(results, "completed")).isEqualTo(5);
              assertThat(Collections.frequency(results, "QUEUE_FULL")).isEqualTo(15);
              assertThat(model.running()).isZero();
              assertThat(model.waiting()).isZero();
            });
  }

  @Test
  void callers_moreThanMayRun_neverRunTogether() {
    application(MODEL + "concurrency=3", MODEL + "queue-limit=100")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              AtomicInteger most = new AtomicInteger();
              List<Future<String>> callers = new ArrayList<>();
              for (int i = 0; i < 40; i++) {
                SamplingListener looks = step -> most.accumulateAndGet(model.running(), Math::max);
                callers.add(threads.submit(caller(model, looks)));
              }
              assertThat(results(callers)).hasSize(40).containsOnly("completed");
              assertThat(most.get()).isBetween(1, 3);
            });
  }

  @Test
  void callers_waitInTheOrderOfTheirArrival() {
    application(MODEL + "concurrency=1")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              List<Future<String>> callers = new ArrayList<>();
              callers.add(threads.submit(caller(model, holds)));
              await(() -> model.running() == 1);
              List<Integer> order = Collections.synchronizedList(new ArrayList<>());
              for (int i = 0; i < 8; i++) {
                int n = i;
                SamplingListener notes =
                    step -> {
                      if (step.index() == 0) {
                        order.add(n);
                      }
                    };
                callers.add(threads.submit(caller(model, notes)));
                await(() -> model.waiting() == n + 1);
              }
              release.countDown();
              assertThat(results(callers)).containsOnly("completed");
              assertThat(order).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
            });
  }

  @Test
  void caller_whoWaitsTooLong_isRefused() {
    application(MODEL + "concurrency=1", MODEL + "queue-timeout=50ms")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              Future<String> first = threads.submit(caller(model, holds));
              await(() -> model.running() == 1);
              assertThatThrownBy(() -> model.sample(1))
                  .isInstanceOf(SamplingRefusedException.class)
                  .hasMessage("digits: no run ended within 50 ms");
              assertThat(model.waiting()).isZero();
              release.countDown();
              assertThat(first.get()).isEqualTo("completed");
              model.sample(1).close();
            });
  }

  @Test
  void caller_whoIsInterruptedWhileWaiting_isCancelled() {
    application(MODEL + "concurrency=1")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              Future<String> first = threads.submit(caller(model, holds));
              await(() -> model.running() == 1);
              Thread.currentThread().interrupt();
              assertThatThrownBy(() -> model.sample(1))
                  .isInstanceOf(SamplingCancelledException.class);
              assertThat(Thread.interrupted()).isTrue();
              assertThat(model.waiting()).isZero();
              release.countDown();
              assertThat(first.get()).isEqualTo("completed");
            });
  }

  @Test
  void run_thatFails_makesRoomForTheNext() {
    application(MODEL + "concurrency=1", MODEL + "queue-limit=0")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              SamplingListener fails =
                  step -> {
                    throw new IllegalStateException("listener");
                  };
              assertThatThrownBy(() -> model.sample(model.request(1).listener(fails).build()))
                  .hasMessage("listener");
              model.sample(1).close();
            });
  }

  @Test
  void shutdown_waitsForRunsAndRefusesTheOthers() {
    application(MODEL + "concurrency=1", "diffusion.shutdown-timeout=20s")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              Future<String> runs = threads.submit(caller(model, holds));
              await(() -> model.running() == 1);
              Future<String> waits = threads.submit(caller(model, holds));
              await(() -> model.waiting() == 1);
              Future<?> closed = threads.submit(close(context));

              assertThat(waits.get()).isEqualTo("SHUTTING_DOWN");
              assertThat(caller(model, holds).call()).isEqualTo("SHUTTING_DOWN");
              assertThat(closed.isDone()).isFalse();
              assertThat(model.running()).isEqualTo(1);
              release.countDown();
              assertThat(runs.get()).isEqualTo("completed");
              closed.get();
            });
  }

  @Test
  void shutdown_afterItsTimeout_cancelsRuns() {
    application("diffusion.shutdown-timeout=50ms", MODEL + "steps=1000")
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              CountDownLatch begun = new CountDownLatch(1);
              SamplingListener slow =
                  step -> {
                    begun.countDown();
                    try {
                      Thread.sleep(20);
                    } catch (InterruptedException e) {
                      Thread.currentThread().interrupt();
                    }
                  };
              Future<String> runs = threads.submit(caller(model, slow));
              begun.await();
              close(context).run();

              assertThat(runs.get(10, TimeUnit.SECONDS)).isEqualTo("cancelled");
            });
  }

  /** As a checkpoint of the process or a test does. */
  @Test
  void application_thatStopsAndStarts_samplesAgain() {
    application()
        .run(
            context -> {
              DiffusionModel model = context.getBean(DiffusionModel.class);
              ConfigurableApplicationContext application =
                  (ConfigurableApplicationContext) context.getSourceApplicationContext();
              application.stop();
              assertThatThrownBy(() -> model.sample(1))
                  .isInstanceOfSatisfying(
                      SamplingRefusedException.class,
                      e -> assertThat(e.reason()).isEqualTo(Reason.SHUTTING_DOWN));
              application.start();
              model.sample(1).close();
            });
  }

  private static Runnable close(AssertableApplicationContext context) {
    return () -> ((ConfigurableApplicationContext) context.getSourceApplicationContext()).close();
  }
}
