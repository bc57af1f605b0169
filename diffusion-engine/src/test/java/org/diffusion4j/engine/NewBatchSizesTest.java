package org.diffusion4j.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.engine.PlanOrSession.gaussian;
import static org.diffusion4j.engine.PlanOrSession.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.samediff.Source;
import org.diffusion4j.internal.common.NativeMemory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Fifty threads, ten of which come with new batch sizes. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NewBatchSizesTest {

  private static final int FEATURES = 4;
  private static final int CALLS = 20;

  private final SameDiff graph = graph();
  private final CountDownLatch planning = new CountDownLatch(1);
  private final CountDownLatch mayPlan = new CountDownLatch(1);
  private final PlannedGraph plan =
      PlannedGraph.of(
              new Source(graph, this::copyOnceAllowed, List.of()),
              NativeMemory.ledger(),
              Workers.of(2))
          .orElseThrow();

  /** With an operation whose gradient is asked of a copy of the graph. */
  private static SameDiff graph() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, FEATURES);
    sd.identity("y", sd.nn().elu(x.mmul(sd.var("w", gaussian(1, FEATURES, FEATURES)))));
    return sd;
  }

  private SameDiff copyOnceAllowed() {
    planning.countDown();
    try {
      mayPlan.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return PlanOrSession.copy(graph);
  }

  private void output(int batch) {
    try (INDArray x = gaussian(batch, batch, FEATURES);
        INDArray y =
            run(plan, Map.of("x", x), Map.of("y", new long[] {batch, FEATURES})).get("y")) {
      assertThat(y.size(0)).isEqualTo(batch);
    }
  }

  private void gradients(int batch) {
    INDArray x = gaussian(batch, batch, FEATURES);
    SampleLoss loss = SampleLoss.meanSquaredError(x);
    plan.gradients(Map.of("x", x), "y", x.shape(), loss, null, List.of("w")).close();
  }

  @Test
  void outputs_ofAKnownBatchSize_doNotWaitForThosePlanningOthers() throws Exception {
    output(4);
    AtomicInteger calls = new AtomicInteger();
    ExecutorService pool = Executors.newFixedThreadPool(50);
    try {
      List<Future<?>> planners = new ArrayList<>();
      planners.add(pool.submit(() -> gradients(10)));
      planning.await();
      for (int i = 1; i < 10; i++) {
        int batch = 10 + 2 * i;
        planners.add(pool.submit(i < 5 ? () -> gradients(batch) : () -> output(batch)));
      }
      List<Future<?>> others = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        others.add(
            pool.submit(
                () -> {
                  for (int call = 0; call < CALLS; call++) {
                    output(4);
                    calls.incrementAndGet();
                  }
                }));
      }
      for (Future<?> other : others) {
        other.get(100, TimeUnit.SECONDS);
      }
      assertThat(calls).hasValue(40 * CALLS);
      assertThat(planners).noneMatch(Future::isDone);
      mayPlan.countDown();
      for (Future<?> planner : planners) {
        planner.get(100, TimeUnit.SECONDS);
      }
    } finally {
      mayPlan.countDown();
      pool.shutdown();
      plan.close();
    }
  }
}
