package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class StepClockTest {

  private static final long SECOND = 1_000_000_000;

  private final AtomicLong now = new AtomicLong(-7 * SECOND);

  @Test
  void tick_fastSteps_warmUpForThreeSeconds() {
    StepClock clock = new StepClock(1, now::get);
    ticks(clock, 31, SECOND / 10);
    assertThat(clock.steps()).isZero();
    ticks(clock, 1, SECOND / 10);
    assertThat(clock.steps()).isEqualTo(1);
  }

  @Test
  void tick_slowSteps_warmUpForFourSteps() {
    StepClock clock = new StepClock(1, now::get);
    ticks(clock, 4, 10 * SECOND);
    assertThat(clock.steps()).isZero();
    assertThat(clock.running()).isTrue();
    ticks(clock, 1, 10 * SECOND);
    assertThat(clock.steps()).isEqualTo(1);
    assertThat(clock.running()).isFalse();
  }

  @Test
  void tick_warm_timesForTheGivenSeconds() {
    StepClock clock = new StepClock(1, now::get);
    ticks(clock, 31, SECOND / 10);
    ticks(clock, 9, SECOND / 10);
    assertThat(clock.running()).isTrue();
    ticks(clock, 1, SECOND / 5);
    assertThat(clock.running()).isFalse();
    assertThat(clock.steps()).isEqualTo(10);
    assertThat(clock.medianMs()).isEqualTo(100);
    assertThat(clock.minMs()).isEqualTo(100);
  }

  @Test
  void tick_afterTheEnd_isLeftOut() {
    StepClock clock = new StepClock(0, now::get);
    ticks(clock, 32, SECOND / 10);
    ticks(clock, 3, 9 * SECOND);
    assertThat(clock.steps()).isEqualTo(1);
    assertThat(clock.medianMs()).isEqualTo(100);
  }

  private void ticks(StepClock clock, int count, long nanos) {
    for (int i = 0; i < count; i++) {
      now.addAndGet(nanos);
      clock.tick();
    }
  }
}
