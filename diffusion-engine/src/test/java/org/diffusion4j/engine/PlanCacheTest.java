package org.diffusion4j.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.diffusion4j.engine.cpu.CpuEngine;
import org.diffusion4j.engine.graph.Engine;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Weights;
import org.diffusion4j.engine.samediff.Goal;
import org.diffusion4j.engine.samediff.SameDiffPlanner;
import org.diffusion4j.engine.samediff.Source;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PlanCacheTest {

  private final SameDiff graph = graph();
  private final Weights weights = new Weights(Map.of(), Map.of());
  private final Engine engine = CpuEngine.of(weights).orElseThrow();
  private final AtomicInteger made = new AtomicInteger();
  private final CountDownLatch mayMake = new CountDownLatch(1);
  private final PlanCache cache = new PlanCache(this::make, 2);

  private static SameDiff graph() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, 4);
    sd.identity("y", sd.nn().swish(x));
    return sd;
  }

  private static PlanCache.Key key(int batch) {
    List<Long> shape = List.of((long) batch, 4L);
    return new PlanCache.Key(
        Map.of("x", shape, "y", shape), 1, Goal.forward(List.of("y"), Precision.FLOAT32));
  }

  private synchronized Plan plan(PlanCache.Key key) {
    long[] shape = key.shapes().get("x").stream().mapToLong(Long::longValue).toArray();
    Source source = new Source(graph, () -> graph, List.of());
    return Plan.of(
        SameDiffPlanner.plan(weights, source, Map.of("x", shape), key.goal(), Map.of("y", shape)),
        engine);
  }

  private Plan make(PlanCache.Key key) {
    made.incrementAndGet();
    long batch = key.shapes().get("x").get(0);
    if (batch >= 1000) {
      throw new UnplannableException("no plan for " + batch);
    }
    if (batch >= 100) {
      try {
        mayMake.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
    return plan(key);
  }

  @AfterEach
  void close() {
    mayMake.countDown();
    cache.close();
    engine.close();
  }

  @Test
  void hold_whileTenOthersMakePlans_doesNotWait() throws Exception {
    cache.hold(key(1)).release();
    ExecutorService pool = Executors.newFixedThreadPool(50);
    try {
      List<Future<?>> makers = new ArrayList<>();
      List<Future<?>> others = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        int batch = i < 10 ? 100 + i / 2 : 1;
        (i < 10 ? makers : others).add(pool.submit(() -> cache.hold(key(batch)).release()));
      }
      for (Future<?> other : others) {
        other.get(100, TimeUnit.SECONDS);
      }
      assertThat(makers).noneMatch(Future::isDone);
      mayMake.countDown();
      for (Future<?> maker : makers) {
        maker.get(100, TimeUnit.SECONDS);
      }
      assertThat(made).as("once for each key").hasValue(6);
    } finally {
      mayMake.countDown();
      pool.shutdown();
    }
  }

  @Test
  void footprint_ofManyKeys_dropsNoPlan() {
    cache.hold(key(1)).release();
    for (int batch = 2; batch < 40; batch++) {
      assertThat(cache.footprint(key(batch)).workspaceBytes()).isPositive();
    }
    assertThat(cache.holds(key(1))).isTrue();
    assertThat(cache.size()).isEqualTo(1);
  }

  @Test
  void footprint_askedAgain_makesNoPlan() {
    Footprint first = cache.footprint(key(3));
    assertThat(cache.footprint(key(3))).isEqualTo(first);
    assertThat(made).hasValue(1);
  }

  @Test
  void hold_ofWhatCannotBePlanned_triesOnce() {
    for (int i = 0; i < 3; i++) {
      assertThatThrownBy(() -> cache.hold(key(1000))).isInstanceOf(UnplannableException.class);
      assertThatThrownBy(() -> cache.footprint(key(1000))).isInstanceOf(UnplannableException.class);
    }
    assertThat(made).hasValue(1);
    cache.hold(key(2)).release();
  }
}
